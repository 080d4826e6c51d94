// The kernels as operations of TensorFlow. Pictures of a batch are shared among its threads; sums over a batch are
// added in the order of the pictures, so that the result does not depend on how many threads there are.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

template <class T>
const T* data(const Tensor& tensor) {
  return static_cast<const T*>(tensor.data());
}
template <class T>
T* data(Tensor* tensor) {
  return static_cast<T*>(tensor->data());
}

template <class F>
void for_pictures(OpKernelContext* context, const Tensor& batch, F f) {
  const int64_t count = batch.dim_size(0);
  if (count == 0) return;
  const auto* threads = context->device()->tensorflow_cpu_worker_threads();
  threads->workers->ParallelFor(count, 10 * batch.NumElements() / count, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) f(i);
  });
}

int64_t picture_size(const Tensor& batch) {
  return batch.dim_size(0) ? batch.NumElements() / batch.dim_size(0) : 0;
}

// `size` sums over all pictures, added in their order; f(picture, sums) fills those of one.
template <class V, class F>
std::vector<V> batch_sums(OpKernelContext* context, const Tensor& batch, int64_t size, F f) {
  const int64_t pictures = batch.dim_size(0);
  std::vector<V> parts(pictures * size), total(size);
  for_pictures(context, batch, [&](int64_t i) { f(i, &parts[i * size]); });
  for (int64_t i = 0; i < pictures; i++)
    for (int64_t j = 0; j < size; j++) total[j] += parts[i * size + j];
  return total;
}

blaze::Depthwise shape_of(const Tensor& x, const Tensor& w, int stride) {
  return {static_cast<int>(x.dim_size(1)), static_cast<int>(x.dim_size(2)), static_cast<int>(x.dim_size(3)),
          static_cast<int>(w.dim_size(0)), stride};
}

bool same_pictures(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && a.NumElements() > 0; }

template <class T>
class DepthwiseOp : public OpKernel {
 public:
  explicit DepthwiseOp(OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("stride", &stride_));
    OP_REQUIRES_OK(c, c->GetAttr("share", &share_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &w = context->input(1);
    const blaze::Depthwise shape = shape_of(x, w, stride_);
    const TensorShape size({x.dim_size(0), shape.out_height(), shape.out_width(), shape.channels});
    Tensor *y, *none;
    OP_REQUIRES_OK(context, context->allocate_output(0, size, &y));
    if (share_)
      context->set_output(1, x);
    else
      OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({0}), &none));
    const int64_t in = picture_size(x), out = picture_size(*y);
    for_pictures(context, x, [&](int64_t i) {
      blaze::depthwise(shape, data<T>(x) + i * in, data<float>(w), data<T>(y) + i * out);
    });
  }

 private:
  int stride_;
  bool share_;
};

template <class T>
class DepthwiseGradientOp : public OpKernel {
 public:
  explicit DepthwiseGradientOp(OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("stride", &stride_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &w = context->input(1), &dy = context->input(2), &more = context->input(3);
    const blaze::Depthwise shape = shape_of(x, w, stride_);
    Tensor *dx, *dw;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &dx));
    OP_REQUIRES_OK(context, context->allocate_output(1, w.shape(), &dw));
    const int64_t in = picture_size(x), out = picture_size(dy);
    const bool add = same_pictures(more, x);
    const std::vector<float> sums = batch_sums<float>(context, x, w.NumElements(), [&](int64_t i, float* part) {
      blaze::depthwise_gradient(shape, data<T>(x) + i * in, data<float>(w), data<T>(dy) + i * out,
                                add ? data<T>(more) + i * in : nullptr, data<T>(dx) + i * in, part);
    });
    std::copy(sums.begin(), sums.end(), data<float>(dw));
  }

 private:
  int stride_;
};

template <class T>
class NormalizeOp : public OpKernel {
 public:
  explicit NormalizeOp(OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("epsilon", &epsilon_)); }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &skip = context->input(3);
    const float *gamma = data<float>(context->input(1)), *beta = data<float>(context->input(2));
    const int channels = x.dim_size(3);
    Tensor *y, *mean, *variance;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({channels}), &mean));
    OP_REQUIRES_OK(context, context->allocate_output(2, TensorShape({channels}), &variance));
    const int64_t pixels = x.dim_size(1) * x.dim_size(2), picture = pixels * channels;
    const std::vector<double> sums = batch_sums<double>(context, x, 2 * channels, [&](int64_t i, double* part) {
      blaze::moments(data<T>(x) + i * picture, pixels, channels, part, part + channels);
    });
    std::vector<float> scale(channels), shift(channels);
    const double count = x.dim_size(0) * pixels;
    for (int c = 0; c < channels; c++) {
      const double center = sums[c] / count, spread = sums[channels + c] / count - center * center;
      data<float>(mean)[c] = center;
      // Rounding may leave a little less than nothing; what is not a number stays so.
      data<float>(variance)[c] = spread < 0 ? 0 : spread;
      scale[c] = gamma[c] / std::sqrt(data<float>(variance)[c] + epsilon_);
      shift[c] = beta[c] - data<float>(mean)[c] * scale[c];
    }
    const T* add = same_pictures(skip, x) ? data<T>(skip) : nullptr;
    for_pictures(context, x, [&](int64_t i) {
      blaze::normalize(data<T>(x) + i * picture, add ? add + i * picture : nullptr, scale.data(), shift.data(), pixels,
                       channels, data<T>(y) + i * picture);
    });
  }

 private:
  float epsilon_;
};

template <class T>
class NormalizeGradientOp : public OpKernel {
 public:
  explicit NormalizeGradientOp(OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(c, c->GetAttr("skip", &skip_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &dy = context->input(0), &y = context->input(1), &x = context->input(2);
    const float *mean = data<float>(context->input(3)), *variance = data<float>(context->input(4));
    const float* gamma = data<float>(context->input(5));
    const int channels = x.dim_size(3);
    Tensor *dx, *dgamma, *dbeta, *dskip;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &dx));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({channels}), &dgamma));
    OP_REQUIRES_OK(context, context->allocate_output(2, TensorShape({channels}), &dbeta));
    OP_REQUIRES_OK(context, context->allocate_output(3, skip_ ? x.shape() : TensorShape({0}), &dskip));
    const int64_t pixels = x.dim_size(1) * x.dim_size(2), picture = pixels * channels;
    T* masked = skip_ ? data<T>(dskip) : nullptr;
    const std::vector<double> sums = batch_sums<double>(context, x, 2 * channels, [&](int64_t i, double* part) {
      const int64_t at = i * picture;
      blaze::gradient_sums(data<T>(dy) + at, data<T>(y) + at, data<T>(x) + at, mean, pixels, channels,
                           masked ? masked + at : nullptr, part, part + channels);
    });
    // dx = k (g - mean of g - (x - mean) r^2 (mean of g (x - mean))) with r = 1 / sqrt(variance + eps), k = gamma r.
    std::vector<float> by_g(channels), by_x(channels), constant(channels);
    const double count = x.dim_size(0) * pixels;
    for (int c = 0; c < channels; c++) {
      const double r = 1 / std::sqrt(static_cast<double>(variance[c]) + epsilon_);
      data<float>(dgamma)[c] = sums[channels + c] * r;
      data<float>(dbeta)[c] = sums[c];
      by_g[c] = gamma[c] * r;
      by_x[c] = -gamma[c] * r * r * r * sums[channels + c] / count;
      constant[c] = -gamma[c] * r * sums[c] / count - by_x[c] * mean[c];
    }
    for_pictures(context, x, [&](int64_t i) {
      const int64_t at = i * picture;
      blaze::normalize_gradient(masked ? masked + at : data<T>(dy) + at, masked ? nullptr : data<T>(y) + at,
                                data<T>(x) + at, by_g.data(), by_x.data(), constant.data(), pixels, channels,
                                data<T>(dx) + at);
    });
  }

 private:
  float epsilon_;
  bool skip_;
};

template <class T>
class PoolGradientOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &dy = context->input(1);
    const int height = x.dim_size(1), width = x.dim_size(2), channels = x.dim_size(3);
    OP_REQUIRES(context, dy.shape() == TensorShape({x.dim_size(0), height / 2, width / 2, channels}),
                absl::InvalidArgumentError("dy must have half of the size of x"));
    Tensor* dx;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &dx));
    const int64_t in = picture_size(x), out = picture_size(dy);
    for_pictures(context, x, [&](int64_t i) {
      blaze::pool_gradient(data<T>(x) + i * in, data<T>(dy) + i * out, height, width, channels, data<T>(dx) + i * in);
    });
  }
};

absl::Status depthwise_shape(InferenceContext* c) {
  int stride;
  bool share;
  ShapeHandle x;
  TF_RETURN_IF_ERROR(c->GetAttr("stride", &stride));
  TF_RETURN_IF_ERROR(c->GetAttr("share", &share));
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &x));
  const auto out = [&](int axis) {
    const auto size = c->Dim(x, axis);
    return c->ValueKnown(size) ? c->MakeDim((c->Value(size) + stride - 1) / stride) : c->UnknownDim();
  };
  c->set_output(0, c->MakeShape({c->Dim(x, 0), out(1), out(2), c->Dim(x, 3)}));
  c->set_output(1, share ? x : c->MakeShape({0}));
  return absl::OkStatus();
}

template <int... INPUTS>
absl::Status shapes_of_inputs(InferenceContext* c) {
  int output = 0;
  ((c->set_output(output++, c->input(INPUTS))), ...);
  return absl::OkStatus();
}

absl::Status normalize_gradient_shape(InferenceContext* c) {
  bool skip;
  TF_RETURN_IF_ERROR(c->GetAttr("skip", &skip));
  c->set_output(0, c->input(2));
  c->set_output(1, c->input(5));
  c->set_output(2, c->input(5));
  c->set_output(3, skip ? c->input(2) : c->MakeShape({0}));
  return absl::OkStatus();
}

REGISTER_OP("BlazeDepthwise")
    .Input("x: T").Input("w: float").Output("y: T").Output("shared: T")
    .Attr("T: {float, bfloat16}").Attr("stride: int").Attr("share: bool").SetShapeFn(depthwise_shape);
REGISTER_OP("BlazeDepthwiseGradient")
    .Input("x: T").Input("w: float").Input("dy: T").Input("more: T").Output("dx: T").Output("dw: float")
    .Attr("T: {float, bfloat16}").Attr("stride: int").SetShapeFn(shapes_of_inputs<0, 1>);
REGISTER_OP("BlazePoolGradient")
    .Input("x: T").Input("dy: T").Output("dx: T")
    .Attr("T: {float, bfloat16}").SetShapeFn(shapes_of_inputs<0>);
REGISTER_OP("BlazeNormalize")
    .Input("x: T").Input("gamma: float").Input("beta: float").Input("skip: T")
    .Output("y: T").Output("mean: float").Output("variance: float")
    .Attr("T: {float, bfloat16}").Attr("epsilon: float").SetShapeFn(shapes_of_inputs<0, 1, 1>);
REGISTER_OP("BlazeNormalizeGradient")
    .Input("dy: T").Input("y: T").Input("x: T").Input("mean: float").Input("variance: float").Input("gamma: float")
    .Output("dx: T").Output("dgamma: float").Output("dbeta: float").Output("dskip: T")
    .Attr("T: {float, bfloat16}").Attr("epsilon: float").Attr("skip: bool").SetShapeFn(normalize_gradient_shape);

#define REGISTER(NAME, CLASS)                                                                                       \
  REGISTER_KERNEL_BUILDER(Name(NAME).Device(tensorflow::DEVICE_CPU).TypeConstraint<float>("T"), CLASS<float>);      \
  REGISTER_KERNEL_BUILDER(Name(NAME).Device(tensorflow::DEVICE_CPU).TypeConstraint<tensorflow::bfloat16>("T"),      \
                          CLASS<blaze::bfloat16>);
REGISTER("BlazeDepthwise", DepthwiseOp)
REGISTER("BlazeDepthwiseGradient", DepthwiseGradientOp)
REGISTER("BlazePoolGradient", PoolGradientOp)
REGISTER("BlazeNormalize", NormalizeOp)
REGISTER("BlazeNormalizeGradient", NormalizeGradientOp)

}  // namespace
