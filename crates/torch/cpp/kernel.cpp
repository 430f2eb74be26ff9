// The recurrent kernels, compiled once for each instruction set (RECURRENT_LEVEL names the one).
//
// Nothing here may be shared with code for other instruction sets: no standard library, all functions internal.

#include "kernel.h"

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace recurrent {
namespace {

#if defined(__AVX512F__)
constexpr int W = 16, TILE_ROWS = 6, TILE_VECTORS = 4;
#elif defined(__AVX2__)
constexpr int W = 8, TILE_ROWS = 4, TILE_VECTORS = 3;
#else
constexpr int W = 4, TILE_ROWS = 4, TILE_VECTORS = 3;
#endif
constexpr int64_t PANEL = W * TILE_VECTORS;
// Steps whose input projection is computed at once: keeps a block's gates in the second-level cache.
constexpr int64_t CHUNK = 32;

typedef float Vec __attribute__((vector_size(W * 4)));
typedef int32_t Int __attribute__((vector_size(W * 4)));
typedef float LooseVec __attribute__((vector_size(W * 4), aligned(4), may_alias));

inline Vec splat(float value) { return value - Vec{}; }
inline Vec load(const float *from) { return *reinterpret_cast<const LooseVec *>(from); }
inline void store(float *to, Vec value) { *reinterpret_cast<LooseVec *>(to) = value; }

// The first `count` (1..=W) elements of a vector.
#if defined(__AVX512F__)
typedef __mmask16 Mask;
inline Mask mask(int64_t count) { return static_cast<Mask>((1u << count) - 1u); }
inline Vec load(const float *from, Mask mask) { return (Vec)_mm512_maskz_loadu_ps(mask, from); }
inline void store(float *to, Vec value, Mask mask) { _mm512_mask_storeu_ps(to, mask, (__m512)value); }
#elif defined(__AVX2__)
typedef __m256i Mask;
inline Mask mask(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec load(const float *from, Mask mask) { return (Vec)_mm256_maskload_ps(from, mask); }
inline void store(float *to, Vec value, Mask mask) { _mm256_maskstore_ps(to, mask, (__m256)value); }
#else
typedef int64_t Mask;
inline Mask mask(int64_t count) { return count; }
inline Vec load(const float *from, Mask count) {
  Vec value = {};
  for (int64_t i = 0; i < count; ++i) value[i] = from[i];
  return value;
}
inline void store(float *to, Vec value, Mask count) {
  for (int64_t i = 0; i < count; ++i) to[i] = value[i];
}
#endif

// Runs body(offset, mask) over `count` elements.
template <typename Body>
inline void vectors(int64_t count, Body body) {
  const Mask full = mask(W);
  int64_t at = 0;
  for (; at + W <= count; at += W) body(at, full);
  if (at < count) body(at, mask(count - at));
}

inline void zero(float *to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = 0.0f;
}

inline void copy(float *to, const float *from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

// Cephes expf: at most 2 units in the last place off; NaN stays NaN, the range ends at exp(-87.3) and exp(88).
inline Vec exponential(Vec x) {
  x = x < -87.3f ? splat(-87.3f) : x;
  x = x > 88.0f ? splat(88.0f) : x;
  const float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  const Vec shifted = x * 1.44269504088896341f + round;
  const Vec whole = shifted - round;
  const Vec rest = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
  Vec sum = splat(1.9875691500e-4f);
  sum = sum * rest + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  sum = sum * (rest * rest) + rest + 1.0f;
  const Int power = ((Int)shifted - 0x4B400000 + 127) << 23;
  return sum * (Vec)power;
}

inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exponential(-x)); }

// Cephes tanhf.
inline Vec tanh(Vec x) {
  const Vec size = x < 0.0f ? -x : x;
  const Vec far = 1.0f - 2.0f / (exponential(2.0f * size) + 1.0f);
  const Vec square = x * x;
  Vec sum = splat(-5.70498872745e-3f);
  sum = sum * square + 2.06390887954e-2f;
  sum = sum * square - 5.37397155531e-2f;
  sum = sum * square + 1.33314422036e-1f;
  sum = sum * square - 3.33332819422e-1f;
  const Vec near = sum * square * x + x;
  return size < 0.625f ? near : (x < 0.0f ? -far : far);
}

// ---- matrix products ------------------------------------------------------------------------------------------------

// The right-hand matrix of a product: padded panels of PANEL columns, or rows as they lie in memory.
struct Right {
  const float *data;
  int64_t row_stride, panel_stride;
};

Right panels(const float *data, int64_t depth) { return {data, PANEL, depth * PANEL}; }
Right rows(const float *data, int64_t stride) { return {data, stride, PANEL}; }

enum class Start { Zero, Bias, Add };

// MR rows by NV vectors of a product. OUTER: the left matrix is transposed (element (i, k) at k * stride + i) and the
// right one is not padded.
template <int MR, int NV, bool OUTER>
void tile(int64_t depth, const float *left, int64_t left_stride, const float *right, int64_t right_stride, float *out,
          int64_t out_stride, Start start, const float *bias, int64_t tail) {
  const Mask edge = mask(tail);
  Vec sum[MR][NV];
#pragma GCC unroll 8
  for (int j = 0; j < NV; ++j) {
    Vec first = {};
    if (start == Start::Bias) first = j + 1 == NV ? load(bias + j * W, edge) : load(bias + j * W);
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) sum[i][j] = first;
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vec column[NV];
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) {
      column[j] = OUTER && j + 1 == NV ? load(right + j * W, edge) : load(right + j * W);
    }
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) {
      const Vec factor = splat(OUTER ? left[i] : left[i * left_stride]);
#pragma GCC unroll 8
      for (int j = 0; j < NV; ++j) sum[i][j] += factor * column[j];
    }
    left += OUTER ? left_stride : 1;
    right += right_stride;
  }
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) {
      float *to = out + i * out_stride + j * W;
      if (j + 1 == NV) {
        store(to, start == Start::Add ? load(to, edge) + sum[i][j] : sum[i][j], edge);
      } else {
        store(to, start == Start::Add ? load(to) + sum[i][j] : sum[i][j]);
      }
    }
  }
}

typedef void (*Tile)(int64_t, const float *, int64_t, const float *, int64_t, float *, int64_t, Start, const float *,
                     int64_t);

template <int NV, bool OUTER>
Tile of_rows(int64_t count) {
  switch (count) {
    case 1: return tile<1, NV, OUTER>;
    case 2: return tile<2, NV, OUTER>;
    case 3: return tile<3, NV, OUTER>;
#if defined(__AVX512F__)
    case 4: return tile<4, NV, OUTER>;
    case 5: return tile<5, NV, OUTER>;
#endif
    default: return tile<TILE_ROWS, NV, OUTER>;
  }
}

template <bool OUTER>
Tile of_size(int64_t count, int64_t wide) {
  switch (wide) {
    case 1: return of_rows<1, OUTER>(count);
    case 2: return of_rows<2, OUTER>(count);
#if defined(__AVX512F__)
    case 3: return of_rows<3, OUTER>(count);
#endif
    default: return of_rows<TILE_VECTORS, OUTER>(count);
  }
}

// out[height, width] = (zero | bias | out) + left[height, depth] right[depth, width]
template <bool OUTER>
void product(int64_t height, int64_t width, int64_t depth, const float *left, int64_t left_stride, Right right,
             float *out, int64_t out_stride, Start start, const float *bias = nullptr) {
  for (int64_t column = 0, panel = 0; column < width; column += PANEL, ++panel) {
    const int64_t rest = width - column < PANEL ? width - column : PANEL;
    const int64_t wide = (rest + W - 1) / W, tail = rest - (wide - 1) * W;
    for (int64_t row = 0; row < height; row += TILE_ROWS) {
      const int64_t count = height - row < TILE_ROWS ? height - row : TILE_ROWS;
      of_size<OUTER>(count, wide)(depth, left + (OUTER ? row : row * left_stride), left_stride,
                                  right.data + panel * right.panel_stride, right.row_stride,
                                  out + row * out_stride + column, out_stride, start,
                                  bias == nullptr ? nullptr : bias + column, tail);
    }
  }
}

int64_t panel_floats(int64_t depth, int64_t width) { return (width + PANEL - 1) / PANEL * PANEL * depth; }

void pack(float *panels, const float *source, int64_t depth, int64_t width, int64_t depth_stride, int64_t width_stride,
          int64_t at, int64_t total) {
  for (int64_t column = 0; column < width; column += PANEL) {
    float *panel = panels + column * total;
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t n = 0; n < PANEL; ++n) {
        panel[(at + k) * PANEL + n] =
            column + n < width ? source[k * depth_stride + (column + n) * width_stride] : 0.0f;
      }
    }
  }
}

// ---- one step -------------------------------------------------------------------------------------------------------

// saved: the input side of r, z, n; becomes r, z, n, hn. hidden: the hidden side of r, z, n.
void gru_step(int64_t H, float *saved, const float *hidden, float *state) {
  vectors(H, [=](int64_t at, Mask m) {
    const Vec r = sigmoid(load(saved + at, m) + load(hidden + at, m));
    const Vec z = sigmoid(load(saved + H + at, m) + load(hidden + H + at, m));
    const Vec hn = load(hidden + 2 * H + at, m);
    const Vec n = tanh(load(saved + 2 * H + at, m) + r * hn);
    store(saved + at, r, m);
    store(saved + H + at, z, m);
    store(saved + 2 * H + at, n, m);
    store(saved + 3 * H + at, hn, m);
    store(state + at, n + z * (load(state + at, m) - n), m);
  });
}

void lstm_step(int64_t H, float *saved, const float *hidden, float *state, float *memory) {
  vectors(H, [=](int64_t at, Mask m) {
    const Vec i = sigmoid(load(saved + at, m) + load(hidden + at, m));
    const Vec f = sigmoid(load(saved + H + at, m) + load(hidden + H + at, m));
    const Vec g = tanh(load(saved + 2 * H + at, m) + load(hidden + 2 * H + at, m));
    const Vec o = sigmoid(load(saved + 3 * H + at, m) + load(hidden + 3 * H + at, m));
    const Vec c = f * load(memory + at, m) + i * g;
    store(saved + at, i, m);
    store(saved + H + at, f, m);
    store(saved + 2 * H + at, g, m);
    store(saved + 3 * H + at, o, m);
    store(saved + 4 * H + at, c, m);
    store(memory + at, c, m);
    store(state + at, o * tanh(c), m);
  });
}

// carry: the gradient of the state from later steps; becomes the part for the earlier state that skips the gates.
// before: the earlier state, null for zero. hidden: the hidden-side deltas once more, adjacent for the product.
void gru_step_back(int64_t H, const float *saved, const float *before, const float *grad, float *carry, float *deltas,
                   float *hidden) {
  vectors(H, [=](int64_t at, Mask m) {
    const Vec r = load(saved + at, m), z = load(saved + H + at, m);
    const Vec n = load(saved + 2 * H + at, m), hn = load(saved + 3 * H + at, m);
    const Vec earlier = before == nullptr ? Vec{} : load(before + at, m);
    const Vec dh = load(carry + at, m) + load(grad + at, m);
    const Vec dn = dh * (1.0f - z) * (1.0f - n * n);
    const Vec dz = dh * (earlier - n) * z * (1.0f - z);
    const Vec dr = dn * hn * r * (1.0f - r);
    const Vec dhn = dn * r;
    store(deltas + at, dhn, m);
    store(deltas + H + at, dr, m);
    store(deltas + 2 * H + at, dz, m);
    store(deltas + 3 * H + at, dn, m);
    store(hidden + at, dhn, m);
    store(hidden + H + at, dr, m);
    store(hidden + 2 * H + at, dz, m);
    store(carry + at, dh * z, m);
  });
}

void lstm_step_back(int64_t H, const float *saved, const float *before, const float *grad, float *carry,
                    float *memory_carry, float *deltas, float *hidden) {
  vectors(H, [=](int64_t at, Mask m) {
    const Vec i = load(saved + at, m), f = load(saved + H + at, m);
    const Vec g = load(saved + 2 * H + at, m), o = load(saved + 3 * H + at, m);
    const Vec level = tanh(load(saved + 4 * H + at, m));
    const Vec earlier = before == nullptr ? Vec{} : load(before + at, m);
    const Vec dh = load(carry + at, m) + load(grad + at, m);
    const Vec dc = load(memory_carry + at, m) + dh * o * (1.0f - level * level);
    const Vec di = dc * g * i * (1.0f - i);
    const Vec df = dc * earlier * f * (1.0f - f);
    const Vec dg = dc * i * (1.0f - g * g);
    const Vec dout = dh * level * o * (1.0f - o);
    store(deltas + at, di, m);
    store(deltas + H + at, df, m);
    store(deltas + 2 * H + at, dg, m);
    store(deltas + 3 * H + at, dout, m);
    store(hidden + at, di, m);
    store(hidden + H + at, df, m);
    store(hidden + 2 * H + at, dg, m);
    store(hidden + 3 * H + at, dout, m);
    store(memory_carry + at, dc * f, m);
    store(carry + at, Vec{}, m);
  });
}

// ---- all steps ------------------------------------------------------------------------------------------------------

int64_t scratch_floats(const Layer &layer, int64_t rows) { return rows * layer.hidden * (2 + layer.gates()); }

// How many of the rows order[begin..end], longest first, reach step `t`.
int64_t active_rows(const Layer &layer, int64_t begin, int64_t end, int64_t t) {
  int64_t count = end - begin;
  while (count > 0 && layer.lengths[layer.order[begin + count - 1]] <= t) --count;
  return count;
}

void project(const Layer &layer, const Direction &side, int64_t begin, int64_t active, int64_t chunk) {
  const int64_t width = layer.gates() * layer.hidden, stride = layer.saved_width();
  for (int64_t i = 0; i < active; ++i) {
    const int64_t row = layer.order[begin + i];
    const int64_t rest = layer.lengths[row] - chunk, count = rest < CHUNK ? rest : CHUNK;
    product<false>(count, width, layer.inputs, layer.input + (row * layer.time + chunk) * layer.inputs, layer.inputs,
                   panels(side.input_panels, layer.inputs), side.saved + (layer.first[row] + chunk) * stride, stride,
                   Start::Bias, side.b_ih);
  }
}

void forward(const Layer &layer, const Direction &side, int64_t begin, int64_t end, float *scratch) {
  const int64_t H = layer.hidden, gates = layer.gates() * H, rows = end - begin;
  const int64_t out_stride = layer.directions * H, column = side.reverse ? H : 0;
  float *state = scratch, *memory = state + rows * H, *hidden = memory + rows * H;
  zero(state, 2 * rows * H);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t row = layer.order[begin + i];
    for (int64_t t = layer.lengths[row]; t < layer.time; ++t) {
      zero(layer.output + (row * layer.time + t) * out_stride + column, H);
    }
  }
  const int64_t longest = layer.lengths[layer.order[begin]];
  for (int64_t step = 0; step < longest; ++step) {
    const int64_t t = side.reverse ? longest - 1 - step : step;
    if (side.reverse ? step == 0 || t % CHUNK == CHUNK - 1 : t % CHUNK == 0) {
      const int64_t chunk = t - t % CHUNK;
      project(layer, side, begin, active_rows(layer, begin, end, chunk), chunk);
    }
    const int64_t active = active_rows(layer, begin, end, t);
    product<false>(active, gates, H, state, H, panels(side.hidden_panels, H), hidden, gates, Start::Bias, side.b_hh);
    for (int64_t i = 0; i < active; ++i) {
      const int64_t row = layer.order[begin + i];
      float *saved = side.saved + (layer.first[row] + t) * layer.saved_width();
      if (layer.cell == Cell::Gru) {
        gru_step(H, saved, hidden + i * gates, state + i * H);
      } else {
        lstm_step(H, saved, hidden + i * gates, state + i * H, memory + i * H);
      }
      copy(layer.output + (row * layer.time + t) * out_stride + column, state + i * H, H);
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    copy(layer.last + layer.order[begin + i] * out_stride + column, state + i * H, H);
  }
}

void backward(const Layer &layer, const Direction &side, int64_t begin, int64_t end, float *scratch) {
  const int64_t H = layer.hidden, gates = layer.gates() * H, rows = end - begin;
  const int64_t out_stride = layer.directions * H, column = side.reverse ? H : 0;
  float *carry = scratch, *memory_carry = carry + rows * H, *hidden = memory_carry + rows * H;
  for (int64_t i = 0; i < rows; ++i) {
    copy(carry + i * H, layer.grad_last + layer.order[begin + i] * out_stride + column, H);
  }
  zero(memory_carry, rows * H);
  const int64_t longest = layer.lengths[layer.order[begin]];
  for (int64_t step = 0; step < longest; ++step) {
    const int64_t t = side.reverse ? step : longest - 1 - step;
    const int64_t active = active_rows(layer, begin, end, t);
    for (int64_t i = 0; i < active; ++i) {
      const int64_t row = layer.order[begin + i];
      const bool begins = side.reverse ? t + 1 == layer.lengths[row] : t == 0;
      const int64_t earlier = side.reverse ? t + 1 : t - 1;
      const float *saved = side.saved + (layer.first[row] + t) * layer.saved_width();
      const float *grad = layer.grad_output + (row * layer.time + t) * out_stride + column;
      float *deltas = side.deltas + (layer.first[row] + t) * layer.deltas_width();
      if (layer.cell == Cell::Gru) {
        const float *before = layer.output + (row * layer.time + earlier) * out_stride + column;
        gru_step_back(H, saved, begins ? nullptr : before, grad, carry + i * H, deltas, hidden + i * gates);
      } else {
        const float *before = side.saved + (layer.first[row] + earlier) * layer.saved_width() + 4 * H;
        lstm_step_back(H, saved, begins ? nullptr : before, grad, carry + i * H, memory_carry + i * H, deltas,
                       hidden + i * gates);
      }
    }
    if (step + 1 < longest) {
      product<false>(active, H, gates, hidden, gates, panels(side.hidden_panels, gates), carry, H, Start::Add);
    }
  }
}

void input_gradient(const Layer &layer, int64_t row) {
  const int64_t length = layer.lengths[row], inputs = layer.inputs, gates = layer.gates() * layer.hidden;
  float *out = layer.grad_input + row * layer.time * inputs;
  for (int64_t d = 0; d < layer.directions; ++d) {
    const Direction &side = layer.direction[d];
    const float *deltas = side.deltas + layer.first[row] * layer.deltas_width() + layer.input_deltas();
    product<false>(length, inputs, gates, deltas, layer.deltas_width(), panels(side.input_panels, gates), out, inputs,
                   d == 0 ? Start::Zero : Start::Add);
  }
  zero(out + length * inputs, (layer.time - length) * inputs);
}

void weight_gradient(const Layer &layer, const Direction &side, bool hidden_side, int64_t gate, int64_t from,
                     int64_t count) {
  const int64_t H = layer.hidden, width = hidden_side ? H : layer.inputs, stride = layer.deltas_width();
  const int64_t out_stride = layer.directions * H;
  float *weight = (hidden_side ? side.grad_w_hh : side.grad_w_ih) + (gate * H + from) * width;
  float *bias = (hidden_side ? side.grad_b_hh : side.grad_b_ih) + gate * H + from;
  const int64_t column = from + (hidden_side ? layer.hidden_deltas(gate) : layer.input_deltas() + gate * H);
  zero(weight, count * width);
  zero(bias, count);
  // one row after another, in the batch's order: sums of sums, in an order that no thread changes
  for (int64_t row = 0; row < layer.batch; ++row) {
    const int64_t length = layer.lengths[row];
    if (length == 0) continue;
    const float *deltas = side.deltas + layer.first[row] * stride + column;
    if (!hidden_side) {
      product<true>(count, width, length, deltas, stride, rows(layer.input + row * layer.time * width, width), weight,
                    width, Start::Add);
    } else if (length > 1) {
      // the state before step t is the output of the step before, in the direction's order; zero before the first
      const float *states = layer.output + (row * layer.time + (side.reverse ? 1 : 0)) * out_stride;
      product<true>(count, width, length - 1, side.reverse ? deltas : deltas + stride, stride,
                    rows(states + (side.reverse ? H : 0), out_stride), weight, width, Start::Add);
    }
    vectors(count, [=](int64_t at, Mask m) {
      Vec sum = {};
      for (int64_t t = 0; t < length; ++t) sum += load(deltas + t * stride + at, m);
      store(bias + at, load(bias + at, m) + sum, m);
    });
  }
}

}  // namespace

const Kernels RECURRENT_LEVEL = {panel_floats, pack,           scratch_floats, forward,
                                 backward,     input_gradient, weight_gradient};

}  // namespace recurrent
