// What the recurrent kernels compute, shared by every instruction set they are compiled for.
//
// Invariant: each output element is one chain of operations whose order depends on the layer's sizes and lengths
// alone, never on how rows are cut into tasks or which thread runs them.
#pragma once

#include <cstdint>

namespace recurrent {

enum class Cell : int64_t { Gru = 0, Lstm = 1 };

// One direction's parameters and step buffers. A "step" is a valid (row, time) pair; a row's steps are adjacent.
//
// GRU:  saved per step: r, z, n, W_hn h + b_hn;   deltas: d(W_hn h), dr, dz, dn (before the gates' activations).
// LSTM: saved per step: i, f, g, o, c;            deltas: di, df, dg, do.
struct Direction {
  bool reverse;
  const float *w_ih, *w_hh, *b_ih, *b_hh;
  // Weights as panels (see `pack`): transposed for the forward pass, as they are for the backward pass. The GRU's
  // hidden weights have their gates in the order of the deltas (n, r, z) in the backward pass.
  float *input_panels, *hidden_panels;
  float *saved;
  float *deltas;
  float *grad_w_ih, *grad_w_hh, *grad_b_ih, *grad_b_hh;
};

struct Layer {
  Cell cell;
  int64_t batch, time, inputs, hidden, directions;
  const float *input;      // [batch, time, inputs]
  const int64_t *lengths;  // [batch]
  const int64_t *first;    // [batch]: a row's first step
  const int64_t *order;    // [batch]: rows from longest to shortest
  float *output;           // [batch, time, directions * hidden]
  float *last;             // [batch, directions * hidden]
  const float *grad_output, *grad_last;
  float *grad_input;
  Direction direction[2];

  int64_t gates() const { return cell == Cell::Gru ? 3 : 4; }
  int64_t saved_width() const { return (cell == Cell::Gru ? 4 : 5) * hidden; }
  int64_t deltas_width() const { return 4 * hidden; }
  // Where the deltas of the input-side gates start; those of the hidden side start at 0.
  int64_t input_deltas() const { return cell == Cell::Gru ? hidden : 0; }
  // Column of the hidden-side deltas at which a gate starts.
  int64_t hidden_deltas(int64_t gate) const {
    return (cell == Cell::Gru ? (gate + 1) % 3 : gate) * hidden;
  }
};

// The kernels of one instruction set.
struct Kernels {
  // Floats that `pack` writes for `depth` rows of `width` columns.
  int64_t (*panel_floats)(int64_t depth, int64_t width);
  // Writes element (k, n) = source[k * depth_stride + n * width_stride] for k in 0..depth into panels of a full row
  // depth `total`, from panel row `at` on.
  void (*pack)(float *panels, const float *source, int64_t depth, int64_t width, int64_t depth_stride,
               int64_t width_stride, int64_t at, int64_t total);
  // Floats of scratch that `forward` and `backward` want for `rows` rows.
  int64_t (*scratch_floats)(const Layer &, int64_t rows);
  // One direction over the rows order[begin..end].
  void (*forward)(const Layer &, const Direction &, int64_t begin, int64_t end, float *scratch);
  // Deltas of one direction over the rows order[begin..end].
  void (*backward)(const Layer &, const Direction &, int64_t begin, int64_t end, float *scratch);
  // grad_input of one row, from the deltas of all directions.
  void (*input_gradient)(const Layer &, int64_t row);
  // Rows [from, from + count) of one gate in the gradients of one weight matrix and its bias.
  void (*weight_gradient)(const Layer &, const Direction &, bool hidden_side, int64_t gate, int64_t from,
                          int64_t count);
};

extern const Kernels baseline, avx2, avx512;

}  // namespace recurrent
