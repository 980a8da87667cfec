"""Numbers of bytes as people write them."""

KiB, MiB = 1 << 10, 1 << 20


def parse(text):
    """Such as 8, 64KiB, 1MiB."""
    for unit, factor in (("KiB", KiB), ("MiB", MiB)):
        if text.endswith(unit):
            return int(text.removesuffix(unit)) * factor
    return int(text)


def show(count):
    for unit, factor in (("MiB", MiB), ("KiB", KiB)):
        if count >= factor and count % factor == 0:
            return f"{count // factor} {unit}"
    return f"{count} B"
