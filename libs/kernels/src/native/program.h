// Recorded calls of ops, run again one after the other without TensorFlow between them: what one decoded token needs is several hundred of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chop {

/**
 * Keeps a program and returns its number, at least 1. `code` tells call after call, all in whole numbers but the attributes:
 *
 *     op (index into `ops`) · value of each attribute, in the order of the op's definition
 *     inputs · per input: place, rank, sizes          outputs · per output: place, rank, sizes
 *
 * A place is two numbers: kGiven and the number of a float tensor that a run is given, kInts and where in its vector of whole numbers, kStanding and the number of a float
 * tensor that stays where it is, kWords and that of such an int32 tensor, kMade and the number of floats before it in the program's own memory, or kResult and 0.
 *
 * @throws Refusal where it is no such program.
 */
int32_t defineProgram(const std::vector<std::string>& ops, const double* code, size_t length);

/** Frees a program. */
void forgetProgram(int32_t number);

enum Place : int { kGiven = 0, kInts = 1, kMade = 2, kResult = 3, kStanding = 4, kWords = 5 };

}  // namespace chop
