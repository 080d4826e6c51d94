// What operations.cc calls: arithmetic on one picture of a batch, without a header of TensorFlow. T: float or bfloat16.
#pragma once
#include <cstddef>

#include "vectors.h"

namespace blaze {

// A depthwise convolution, SAME as in TensorFlow: the odd zero of the padding goes to the end.
struct Depthwise {
  int height, width, channels, kernel, stride;
  int out(int size) const { return (size + stride - 1) / stride; }
  int out_height() const { return out(height); }
  int out_width() const { return out(width); }
  int before(int size) const {
    int total = (out(size) - 1) * stride + kernel - size;
    return total > 0 ? total / 2 : 0;
  }
};

// x (H, W, C), w (K, K, C) -> y (H/S, W/S, C).
template <class T>
void depthwise(const Depthwise& shape, const T* x, const float* w, T* y);

// Gradients of the above: dx = dy * w (+ more, of x's shape, unless null) and dw (K, K, C).
template <class T>
void depthwise_gradient(const Depthwise& shape, const T* x, const float* w, const T* dy, const T* more, T* dx,
                        float* dw);

// Sums over pixels: sum (C) of x, square (C) of x^2.
template <class T>
void moments(const T* x, size_t pixels, int channels, double* sum, double* square);

// y = relu(scale x + shift (+ skip, unless null)).
template <class T>
void normalize(const T* x, const T* skip, const float* scale, const float* shift, size_t pixels, int channels, T* y);

// g = dy where y > 0; sum (C) of g, product (C) of g (x - mean); g is written to dskip, unless null.
template <class T>
void gradient_sums(const T* dy, const T* y, const T* x, const float* mean, size_t pixels, int channels, T* dskip,
                   double* sum, double* product);

// dx = by_g g + by_x x + constant, each (C); g as above, or dy itself where y is null.
template <class T>
void normalize_gradient(const T* dy, const T* y, const T* x, const float* by_g, const float* by_x,
                        const float* constant, size_t pixels, int channels, T* dx);

// Gradient of the maximum over 2x2 pixels: x and dx (H, W, C), dy (H/2, W/2, C), an odd last row or column is not read.
template <class T>
void pool_gradient(const T* x, const T* dy, int height, int width, int channels, T* dx);

}  // namespace blaze
