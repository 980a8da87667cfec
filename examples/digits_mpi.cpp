// The program of digits.cpp on MPI: mpirun -np 2 build/demo/examples/digits_mpi
#include "digits/run.hpp"

#include <tutti/comm/mpi.hpp>

int main(int argc, char** argv) { return digits::run<tutti::comm::mpi>("digits_mpi", argc, argv); }
