// Depthwise convolutions row by row: the last K rows wait as floats, with zeros around, where the cache is fast.
#include <vector>

#include "kernels.h"

namespace blaze {
namespace {

constexpr int TILE = 8;  // pixels of a row whose sums stay in registers

constexpr int CACHE_LINE = 64;
struct alignas(CACHE_LINE) Line {
  float floats[CACHE_LINE / sizeof(float)] = {};
};

enum Buffer { KERNEL, INPUT, EMPTY, OUTPUT, SUMS, BUFFERS };

// `size` zeros from the start of a cache line on: vectors across two lines take twice as long to read. A thread keeps
// its buffers from call to call, as memory fresh from the system has to be made a page at a time.
float* zeros(Buffer buffer, size_t size) {
  static thread_local std::vector<Line> buffers[BUFFERS];
  buffers[buffer].assign((size * sizeof(float) + CACHE_LINE - 1) / CACHE_LINE, Line{});
  return buffers[buffer].data()->floats;
}

const float* padded_kernel(const Depthwise& s, const float* w, bool flipped) {
  const int taps = s.kernel * s.kernel, stride = padded(s.channels);
  float* out = zeros(KERNEL, (size_t)taps * stride);
  for (int i = 0; i < taps; i++)
    memcpy(out + (size_t)(flipped ? taps - 1 - i : i) * stride, w + (size_t)i * s.channels, s.channels * sizeof(float));
  return out;
}

// The last K rows of a padded picture; `spread` puts zero rows and columns between its pixels.
template <class T>
class Rows {
 public:
  // Rows of zeros are null, or memory if `readable`.
  Rows(Buffer buffer, bool readable, const T* x, int height, int width, int channels, int kernel, int top, int left,
       int spread, int columns)
      : x_(x), height_(height), width_(width), channels_(channels), kernel_(kernel), top_(top), left_(left),
        spread_(spread), row_((size_t)columns * padded(channels)), rows_(zeros(buffer, row_ * kernel)),
        empty_(readable ? zeros(EMPTY, row_) : nullptr) {}

  // out[i] = padded row `first` + i; calls go down the picture.
  void at(int first, const float** out) {
    for (; next_ < first + kernel_; next_++)
      if (real(next_)) fill(next_);
    for (int i = 0; i < kernel_; i++) out[i] = real(first + i) ? slot(first + i) : empty_;
  }

 private:
  bool real(int row) const {
    row -= top_;
    return row >= 0 && row < height_ * spread_ && row % spread_ == 0;
  }
  float* slot(int row) { return rows_ + (row % kernel_) * row_; }
  void fill(int row) {
    const size_t step = (size_t)spread_ * padded(channels_);
    const T* from = x_ + (size_t)((row - top_) / spread_) * width_ * channels_;
    float* to = slot(row) + (size_t)left_ * padded(channels_);
    for (int w = 0; w < width_; w++, from += channels_, to += step)
      for_blocks(channels_, [&](int c, int count, auto n) {
        store(to + c, load<decltype(n)::value>(from + c, count));
      });
  }

  const T* x_;
  int height_, width_, channels_, kernel_, top_, left_, spread_, next_ = 0;
  size_t row_;
  float *rows_, *empty_;
};

template <int K, int S, class T>
void convolve_row(const float* const* rows, const float* w, int width, int channels, const T* more, T* y) {
  const size_t step = padded(channels);
  for_blocks(channels, [&](int c, int count, auto n) {
    constexpr int N = decltype(n)::value;
    for (int x = 0; x < width; x += TILE) {
      Vector sums[TILE] = {};
      for (int ky = 0; ky < K; ky++) {
        if (!rows[ky]) continue;
        const float* row = rows[ky] + x * S * step + c;
#pragma GCC unroll 8
        for (int kx = 0; kx < K; kx++) {
          const Vector tap = load(w + (ky * K + kx) * step + c);
#pragma GCC unroll 8
          for (int t = 0; t < TILE; t++) sums[t] += tap * load(row + (kx + t * S) * step);
        }
      }
      const int tile = width - x < TILE ? width - x : TILE;
      const size_t at = (size_t)x * channels + c;
#pragma GCC unroll 8
      for (int t = 0; t < TILE; t++)
        if (t < tile) {
          const size_t pixel = at + (size_t)t * channels;
          if (more) sums[t] += load<N>(more + pixel, count);
          store<N>(y + pixel, count, sums[t]);
        }
    }
  });
}

template <int K, int S, class T>
void correlate_row(const float* const* rows, const T* dy, int width, int channels, float* dw) {
  const size_t step = padded(channels);
  for_blocks(channels, [&](int c, int count, auto n) {
    Vector sums[K * K];
    const float* row[K];
    for (int i = 0; i < K; i++) row[i] = rows[i] + c;
#pragma GCC unroll 32
    for (int i = 0; i < K * K; i++) sums[i] = load(dw + i * step + c);
    for (int x = 0; x < width; x++) {
      const Vector g = load<decltype(n)::value>(dy + (size_t)x * channels + c, count);
#pragma GCC unroll 32
      for (int i = 0; i < K * K; i++) sums[i] += g * load(row[i / K] + (x * S + i % K) * step);
    }
#pragma GCC unroll 32
    for (int i = 0; i < K * K; i++) store(dw + i * step + c, sums[i]);
  });
}

// Columns of a padded row, with what a tile may read beyond the last pixel.
int columns(const Depthwise& s) { return (s.out_width() + TILE) * s.stride + s.kernel; }

template <int K, int S, class T>
void forward(const Depthwise& s, const T* x, const float* w, T* y) {
  const float* kernel = padded_kernel(s, w, false);
  Rows<T> rows(INPUT, false, x, s.height, s.width, s.channels, K, s.before(s.height), s.before(s.width), 1,
               columns(s));
  const float* window[K];
  for (int h = 0; h < s.out_height(); h++) {
    rows.at(h * S, window);
    convolve_row<K, S, T>(window, kernel, s.out_width(), s.channels, nullptr,
                          y + (size_t)h * s.out_width() * s.channels);
  }
}

template <int K, int S, class T>
void backward(const Depthwise& s, const T* x, const float* w, const T* dy, const T* more, T* dx, float* dw) {
  const int top = s.before(s.height), left = s.before(s.width), step = padded(s.channels);
  const float* window[K];
  float* sums = zeros(SUMS, (size_t)K * K * step);
  Rows<T> input(INPUT, true, x, s.height, s.width, s.channels, K, top, left, 1, columns(s));
  for (int h = 0; h < s.out_height(); h++) {
    input.at(h * S, window);
    correlate_row<K, S, T>(window, dy + (size_t)h * s.out_width() * s.channels, s.out_width(), s.channels, sums);
  }
  for (int i = 0; i < K * K; i++)
    memcpy(dw + (size_t)i * s.channels, sums + (size_t)i * step, s.channels * sizeof(float));
  // dx[i] = sum of dy[o] w[i - S o + top]: the flipped kernel over dy, spread by S, with K - 1 - top zeros before.
  const float* kernel = padded_kernel(s, w, true);
  Rows<T> output(OUTPUT, false, dy, s.out_height(), s.out_width(), s.channels, K, K - 1 - top, K - 1 - left, S,
                 s.width + 2 * K + TILE + S);
  for (int h = 0; h < s.height; h++) {
    const size_t row = (size_t)h * s.width * s.channels;
    output.at(h, window);
    convolve_row<K, 1, T>(window, kernel, s.width, s.channels, more ? more + row : nullptr, dx + row);
  }
}

}  // namespace

template <class T>
void depthwise(const Depthwise& s, const T* x, const float* w, T* y) {
  const auto run = s.kernel == 3 ? (s.stride == 1 ? forward<3, 1, T> : forward<3, 2, T>)
                                 : (s.stride == 1 ? forward<5, 1, T> : forward<5, 2, T>);
  run(s, x, w, y);
}

template <class T>
void depthwise_gradient(const Depthwise& s, const T* x, const float* w, const T* dy, const T* more, T* dx, float* dw) {
  const auto run = s.kernel == 3 ? (s.stride == 1 ? backward<3, 1, T> : backward<3, 2, T>)
                                 : (s.stride == 1 ? backward<5, 1, T> : backward<5, 2, T>);
  run(s, x, w, dy, more, dx, dw);
}

template void depthwise(const Depthwise&, const float*, const float*, float*);
template void depthwise(const Depthwise&, const bfloat16*, const float*, bfloat16*);
template void depthwise_gradient(const Depthwise&, const float*, const float*, const float*, const float*, float*,
                                 float*);
template void depthwise_gradient(const Depthwise&, const bfloat16*, const float*, const bfloat16*, const bfloat16*,
                                 bfloat16*, float*);

}  // namespace blaze
