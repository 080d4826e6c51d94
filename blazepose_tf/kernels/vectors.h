// Sixteen floats at a time, from and to memory of either type. The compiler makes of it what the machine has.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace blaze {

struct bfloat16 {
  uint16_t bits;
};

constexpr int LANES = 16;
typedef float Vector __attribute__((vector_size(64)));
typedef uint32_t Bits __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

inline Vector widen(Halves halves) { return (Vector)(__builtin_convertvector(halves, Bits) << 16); }

inline Halves narrow(Vector v) {
#ifdef __AVX512BF16__
  return (Halves)_mm512_cvtneps_pbh((__m512)v);
#else
  // To the nearest, ties to even. What is not a number stays so: training has to notice it.
  Bits bits = (Bits)v;
  Bits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  Bits invalid = (Bits)((bits & 0x7fffffff) > 0x7f800000);
  return __builtin_convertvector((invalid & 0x7fc0) | (~invalid & rounded), Halves);
#endif
}

// N of the lanes, or `count` of them where N is 0; the others are zeros.
template <int N>
inline Vector load(const float* p, int count) {
  Vector v = {};
  memcpy(&v, p, (N ? N : count) * sizeof(float));
  return v;
}
template <int N>
inline Vector load(const bfloat16* p, int count) {
  Halves halves = {};
  memcpy(&halves, p, (N ? N : count) * sizeof(bfloat16));
  return widen(halves);
}
template <int N>
inline void store(float* p, int count, Vector v) {
  memcpy(p, &v, (N ? N : count) * sizeof(float));
}
template <int N>
inline void store(bfloat16* p, int count, Vector v) {
  Halves halves = narrow(v);
  memcpy(p, &halves, (N ? N : count) * sizeof(bfloat16));
}
inline Vector load(const float* p) { return load<LANES>(p, LANES); }
inline void store(float* p, Vector v) { store<LANES>(p, LANES, v); }

inline int padded(int channels) { return (channels + LANES - 1) / LANES * LANES; }

// f(first channel, count, constant N) for each block of channels; N as in `load`.
template <class F>
inline void for_blocks(int channels, F f) {
  for (int c = 0; c < channels; c += LANES) {
    int count = channels - c < LANES ? channels - c : LANES;
    if (count == 16)
      f(c, count, std::integral_constant<int, 16>{});
    else if (count == 8)
      f(c, count, std::integral_constant<int, 8>{});
    else
      f(c, count, std::integral_constant<int, 0>{});
  }
}

}  // namespace blaze
