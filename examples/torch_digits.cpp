// A net of LibTorch, trained data-parallel on thread ranks: the losses are those of one process on the whole batch.
#include "torch/digits.hpp"

int main() { return torch_digits::run<tutti::comm::threads>(); }
