// Handwritten digits, told apart by a network that thread ranks train together.
#include "digits/run.hpp"

#include <tutti/tutti.hpp>

int main(int argc, char** argv) { return digits::run<tutti::comm::threads>("digits", argc, argv); }
