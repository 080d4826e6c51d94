// The gradient of the 2x2 maximum: TensorFlow's own looks for the places of the maxima pixel by pixel.
#include "kernels.h"

namespace blaze {

template <class T>
void pool_gradient(const T* x, const T* dy, int height, int width, int channels, T* dx) {
  const int rows = height / 2, columns = width / 2;
  const size_t line = (size_t)width * channels;
  const auto clear = [](T* from, size_t size) { memset(static_cast<void*>(from), 0, size * sizeof(T)); };
  for (int r = 0; r < rows; r++, x += 2 * line, dx += 2 * line) {
    for (int q = 0; q < columns; q++, dy += channels)
      for_blocks(channels, [&](int c, int count, auto n) {
        constexpr int N = decltype(n)::value;
        const size_t corner = (size_t)2 * q * channels + c;
        const size_t at[4] = {corner, corner + channels, corner + line, corner + line + channels};
        Vector v[4], largest;
        for (int i = 0; i < 4; i++) v[i] = load<N>(x + at[i], count);
        largest = v[0];
        for (int i = 1; i < 4; i++) largest = v[i] > largest ? v[i] : largest;
        Vector rest = load<N>(dy + c, count);
        for (int i = 0; i < 4; i++) {  // the first of equal ones takes all
          const auto takes = v[i] == largest;
          store<N>(dx + at[i], count, takes ? rest : Vector{});
          rest = takes ? Vector{} : rest;
        }
      });
    if (width % 2) {  // what no window reads
      clear(dx + line - channels, channels);
      clear(dx + 2 * line - channels, channels);
    }
  }
  if (height % 2) clear(dx, line);
}

template void pool_gradient(const float*, const float*, int, int, int, float*);
template void pool_gradient(const bfloat16*, const bfloat16*, int, int, int, bfloat16*);

}  // namespace blaze
