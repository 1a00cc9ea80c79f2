// `nvrtc FOLDER UNIT ARCHITECTURE FILE`: writes what NVRTC makes of a source.
#include <fstream>
#include <iostream>

#include "native/cuda/compile.h"

int main(int count, char** words) try {
  if (count != 5) return 2;
  std::ofstream(words[4], std::ios::binary) << chop::cuda::compile(words[1], words[2], words[3]);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
