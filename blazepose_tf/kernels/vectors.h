// As many floats at a time as a register holds, from and to memory of either type. Wider vectors than the machine's run
// out of registers, and compilers take comparisons of them apart lane by lane.
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

#ifdef __AVX512F__
constexpr int LANES = 16;
#else
constexpr int LANES = 8;
#endif
typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

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

// Half of the lanes as all, the others zeros, and back. Compilers without the builtin (GCC before 12) go through memory,
// where reading what was just written in part takes a dozen cycles.
typedef float HalfVector __attribute__((vector_size(2 * LANES)));
typedef uint16_t HalfHalves __attribute__((vector_size(LANES)));
template <class V, class H>
inline V whole(H half) {
#if __has_builtin(__builtin_shufflevector)
  if constexpr (LANES == 16)
    return __builtin_shufflevector(half, H{}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  else
    return __builtin_shufflevector(half, H{}, 0, 1, 2, 3, 4, 5, 6, 7);
#else
  V v = {};
  memcpy(&v, &half, sizeof(half));
  return v;
#endif
}
template <class H, class V>
inline H half(V v) {
#if __has_builtin(__builtin_shufflevector)
  if constexpr (LANES == 16)
    return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  else
    return __builtin_shufflevector(v, v, 0, 1, 2, 3);
#else
  H first;
  memcpy(&first, &v, sizeof(first));
  return first;
#endif
}

// N of the lanes, or `count` of them where N is 0; the others are zeros.
template <int N, class V, class H, class T>
inline V load_lanes(const T* p, int count) {
  if constexpr (N == LANES / 2) {
    H lanes;
    memcpy(&lanes, p, sizeof(lanes));
    return whole<V>(lanes);
  } else {
    V v = {};
    memcpy(&v, p, (N ? N : count) * sizeof(T));
    return v;
  }
}
template <int N, class H, class T, class V>
inline void store_lanes(T* p, int count, V v) {
  if constexpr (N == LANES / 2) {
    const H lanes = half<H>(v);
    memcpy(p, &lanes, sizeof(lanes));
  } else {
    memcpy(p, &v, (N ? N : count) * sizeof(T));
  }
}

template <int N>
inline Vector load(const float* p, int count) {
  return load_lanes<N, Vector, HalfVector>(p, count);
}
template <int N>
inline Vector load(const bfloat16* p, int count) {
  return widen(load_lanes<N, Halves, HalfHalves>(p, count));
}
template <int N>
inline void store(float* p, int count, Vector v) {
  store_lanes<N, HalfVector>(p, count, v);
}
template <int N>
inline void store(bfloat16* p, int count, Vector v) {
  store_lanes<N, HalfHalves>(p, count, narrow(v));
}
inline Vector load(const float* p) { return load<LANES>(p, LANES); }
inline void store(float* p, Vector v) { store<LANES>(p, LANES, v); }

inline int padded(int channels) { return (channels + LANES - 1) / LANES * LANES; }

// f(first channel, count, constant N) for each block of channels; N as in `load`.
template <class F>
inline void for_blocks(int channels, F f) {
  for (int c = 0; c < channels; c += LANES) {
    int count = channels - c < LANES ? channels - c : LANES;
    if (count == LANES)
      f(c, count, std::integral_constant<int, LANES>{});
    else if (count == LANES / 2)
      f(c, count, std::integral_constant<int, LANES / 2>{});
    else
      f(c, count, std::integral_constant<int, 0>{});
  }
}

}  // namespace blaze
