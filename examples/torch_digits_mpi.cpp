// The program of torch_digits.cpp on MPI: mpirun -np 2 build/release/examples/torch_digits_mpi
#include "torch/digits.hpp"

#include <tutti/comm/mpi.hpp>

int main() { return torch_digits::run<tutti::comm::mpi>(); }
