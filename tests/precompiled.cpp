// What tests.precompiled needs a source for.
