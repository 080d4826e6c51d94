// Batch normalisation, addition of the shortcut and ReLU in two passes over memory each way.
#include "kernels.h"

namespace blaze {
namespace {

// Pixels whose channels are read block by block: few enough to stay in the cache, many enough for float sums.
constexpr size_t CHUNK = 64;

template <class F>
void for_chunks(size_t pixels, F f) {
  for (size_t p = 0; p < pixels; p += CHUNK) f(p, pixels - p < CHUNK ? pixels - p : CHUNK);
}

void add_to(double* total, Vector v, int count) {
  for (int i = 0; i < count; i++) total[i] += v[i];
}

Vector positive(Vector v) {
  // Not maximum(v, 0): what is not a number has to stay so.
  return v < 0.0f ? Vector{} : v;
}

}  // namespace

template <class T>
void moments(const T* x, size_t pixels, int channels, double* sum, double* square) {
  for_chunks(pixels, [&](size_t p, size_t size) {
    for_blocks(channels, [&](int c, int count, auto n) {
      constexpr int N = decltype(n)::value;
      // Four sums at a time hide the latency of an addition.
      Vector a[4] = {}, b[4] = {};
      const T* at = x + p * channels + c;
      size_t i = 0;
      for (; i + 4 <= size; i += 4)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
          const Vector v = load<N>(at + (i + j) * channels, count);
          a[j] += v;
          b[j] += v * v;
        }
      for (; i < size; i++) {
        const Vector v = load<N>(at + i * channels, count);
        a[0] += v;
        b[0] += v * v;
      }
      add_to(sum + c, (a[0] + a[1]) + (a[2] + a[3]), count);
      add_to(square + c, (b[0] + b[1]) + (b[2] + b[3]), count);
    });
  });
}

template <class T>
void normalize(const T* x, const T* skip, const float* scale, const float* shift, size_t pixels, int channels, T* y) {
  for_chunks(pixels, [&](size_t p, size_t size) {
    for_blocks(channels, [&](int c, int count, auto n) {
      constexpr int N = decltype(n)::value;
      const Vector a = load<N>(scale + c, count), b = load<N>(shift + c, count);
      size_t at = p * channels + c;
      if (skip)
        for (size_t i = 0; i < size; i++, at += channels)
          store<N>(y + at, count, positive(load<N>(x + at, count) * a + b + load<N>(skip + at, count)));
      else
        for (size_t i = 0; i < size; i++, at += channels)
          store<N>(y + at, count, positive(load<N>(x + at, count) * a + b));
    });
  });
}

template <class T>
void gradient_sums(const T* dy, const T* y, const T* x, const float* mean, size_t pixels, int channels, T* dskip,
                   double* sum, double* product) {
  for_chunks(pixels, [&](size_t p, size_t size) {
    for_blocks(channels, [&](int c, int count, auto n) {
      constexpr int N = decltype(n)::value;
      const Vector center = load<N>(mean + c, count);
      Vector a[2] = {}, b[2] = {};
      const auto pixel = [&](size_t at, int j) {
        const Vector g = load<N>(y + at, count) > 0.0f ? load<N>(dy + at, count) : Vector{};
        if (dskip) store<N>(dskip + at, count, g);
        a[j] += g;
        b[j] += g * (load<N>(x + at, count) - center);
      };
      size_t at = p * channels + c, i = 0;
      for (; i + 2 <= size; i += 2, at += 2 * channels) {
        pixel(at, 0);
        pixel(at + channels, 1);
      }
      if (i < size) pixel(at, 0);
      add_to(sum + c, a[0] + a[1], count);
      add_to(product + c, b[0] + b[1], count);
    });
  });
}

template <class T>
void normalize_gradient(const T* dy, const T* y, const T* x, const float* by_g, const float* by_x,
                        const float* constant, size_t pixels, int channels, T* dx) {
  for_chunks(pixels, [&](size_t p, size_t size) {
    for_blocks(channels, [&](int c, int count, auto n) {
      constexpr int N = decltype(n)::value;
      const Vector kg = load<N>(by_g + c, count), kx = load<N>(by_x + c, count), k = load<N>(constant + c, count);
      size_t at = p * channels + c;
      for (size_t i = 0; i < size; i++, at += channels) {
        Vector g = load<N>(dy + at, count);
        if (y) g = load<N>(y + at, count) > 0.0f ? g : Vector{};
        store<N>(dx + at, count, g * kg + (load<N>(x + at, count) * kx + k));
      }
    });
  });
}

#define INSTANTIATE(T)                                                                                              \
  template void moments(const T*, size_t, int, double*, double*);                                                   \
  template void normalize(const T*, const T*, const float*, const float*, size_t, int, T*);                         \
  template void gradient_sums(const T*, const T*, const T*, const float*, size_t, int, T*, double*, double*);       \
  template void normalize_gradient(const T*, const T*, const T*, const float*, const float*, const float*, size_t,  \
                                   int, T*);
INSTANTIATE(float)
INSTANTIATE(bfloat16)

}  // namespace blaze
