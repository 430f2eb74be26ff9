// Recurrent layers as operations of libtorch's autograd, on our own kernels.
//
// Invariant: tasks write disjoint memory and the kernels' results do not depend on how rows are cut into tasks, so the
// number of threads cannot change a bit.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "kernel.h"

namespace recurrent {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of one task of the step loop: a multiple of every instruction set's tile height.
constexpr int64_t BLOCK = 12;
// Rows of a weight gradient that one task computes.
constexpr int64_t SLICE = 24;
// Below so many multiplications starting a thread costs more than it saves.
constexpr int64_t WORTH_A_THREAD = 2'000'000;

// The instruction sets that this build has and this machine runs, worst first.
const std::vector<const Kernels *> &available() {
  static const std::vector<const Kernels *> sets = [] {
    std::vector<const Kernels *> found{&baseline};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      found.push_back(&avx2);
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        found.push_back(&avx512);
      }
    }
#endif
    return found;
  }();
  return sets;
}

std::atomic<size_t> ceiling{SIZE_MAX};

const Kernels &kernels() { return *available()[std::min(ceiling.load(), available().size() - 1)]; }

// Runs body(task, worker) for every task on up to `threads` threads. The body must not throw.
template <typename Body>
void parallel(int64_t tasks, int64_t threads, const Body &body) {
  std::atomic<int64_t> next{0};
  const auto work = [&](int64_t worker) {
    for (int64_t task = next++; task < tasks; task = next++) body(task, worker);
  };
  std::vector<std::thread> others;
  others.reserve(static_cast<size_t>(threads));
  try {
    for (int64_t worker = 1; worker < std::min(threads, tasks); ++worker) others.emplace_back(work, worker);
  } catch (const std::system_error &) {
    // fewer threads than hoped for: the others take the tasks
  }
  work(0);
  for (auto &other : others) other.join();
}

// What a call says beside its tensors.
struct Call {
  Cell cell;
  std::vector<int64_t> lengths;
  int64_t threads;
};

// A layer, and the memory that its pointers point to.
struct Prepared {
  Layer layer{};
  std::vector<int64_t> lengths, first, order;
  int64_t steps = 0, threads = 1, blocks = 0;
  std::vector<Tensor> kept;

  float *floats(int64_t count) {
    kept.push_back(at::empty({count}, at::kFloat));
    return kept.back().data_ptr<float>();
  }
};

const float *values(const Tensor &tensor) { return tensor.const_data_ptr<float>(); }

// tensors: the input, then w_ih, w_hh, b_ih, b_hh of each direction; all contiguous.
void prepare(Prepared &prepared, Cell cell, std::vector<int64_t> lengths, int64_t threads, at::TensorList tensors) {
  Layer &layer = prepared.layer;
  layer.cell = cell;
  layer.batch = tensors[0].size(0);
  layer.time = tensors[0].size(1);
  layer.inputs = tensors[0].size(2);
  layer.hidden = tensors[2].size(1);
  layer.directions = static_cast<int64_t>(tensors.size() - 1) / 4;
  layer.input = values(tensors[0]);
  prepared.lengths = std::move(lengths);
  prepared.first.resize(prepared.lengths.size());
  for (size_t row = 0; row < prepared.lengths.size(); ++row) {
    prepared.first[row] = prepared.steps;
    prepared.steps += prepared.lengths[row];
  }
  prepared.order.resize(prepared.lengths.size());
  std::iota(prepared.order.begin(), prepared.order.end(), 0);
  std::stable_sort(prepared.order.begin(), prepared.order.end(),
                   [&](int64_t a, int64_t b) { return prepared.lengths[a] > prepared.lengths[b]; });
  layer.lengths = prepared.lengths.data();
  layer.first = prepared.first.data();
  layer.order = prepared.order.data();
  prepared.blocks = (layer.batch + BLOCK - 1) / BLOCK;
  const int64_t work =
      prepared.steps * layer.directions * layer.gates() * layer.hidden * (layer.hidden + layer.inputs);
  prepared.threads = std::max<int64_t>(1, std::min(threads, work / WORTH_A_THREAD));
  for (int64_t d = 0; d < layer.directions; ++d) {
    Direction &side = layer.direction[d];
    side.reverse = d == 1;
    side.w_ih = values(tensors[4 * d + 1]);
    side.w_hh = values(tensors[4 * d + 2]);
    side.b_ih = values(tensors[4 * d + 3]);
    side.b_hh = values(tensors[4 * d + 4]);
  }
}

// The step loop of every direction, in blocks of rows; those with the longest rows begin first.
void run_blocks(Prepared &prepared, void (*kernel)(const Layer &, const Direction &, int64_t, int64_t, float *)) {
  const Layer &layer = prepared.layer;
  const int64_t each = kernels().scratch_floats(layer, BLOCK);
  float *scratch = prepared.floats(each * prepared.threads);
  parallel(prepared.blocks * layer.directions, prepared.threads, [&](int64_t task, int64_t worker) {
    const int64_t begin = task / layer.directions * BLOCK;
    kernel(layer, layer.direction[task % layer.directions], begin, std::min(begin + BLOCK, layer.batch),
           scratch + worker * each);
  });
}

struct RecurrentLayer : torch::autograd::Function<RecurrentLayer> {
  static variable_list forward(AutogradContext *context, const Call &call, at::TensorList given) {
    std::vector<Tensor> tensors;
    for (const auto &tensor : given) tensors.push_back(tensor.contiguous());
    Prepared prepared;
    prepare(prepared, call.cell, call.lengths, call.threads, tensors);
    Layer &layer = prepared.layer;
    const auto options = tensors[0].options().requires_grad(false);
    const int64_t gates = layer.gates() * layer.hidden;
    Tensor output = at::empty({layer.batch, layer.time, layer.directions * layer.hidden}, options);
    Tensor last = at::empty({layer.batch, layer.directions * layer.hidden}, options);
    layer.output = output.data_ptr<float>();
    layer.last = last.data_ptr<float>();
    std::vector<Tensor> saved;
    for (int64_t d = 0; d < layer.directions; ++d) {
      Direction &side = layer.direction[d];
      saved.push_back(at::empty({prepared.steps, layer.saved_width()}, options));
      side.saved = saved.back().data_ptr<float>();
      side.input_panels = prepared.floats(kernels().panel_floats(layer.inputs, gates));
      side.hidden_panels = prepared.floats(kernels().panel_floats(layer.hidden, gates));
      kernels().pack(side.input_panels, side.w_ih, layer.inputs, gates, 1, layer.inputs, 0, layer.inputs);
      kernels().pack(side.hidden_panels, side.w_hh, layer.hidden, gates, 1, layer.hidden, 0, layer.hidden);
    }
    run_blocks(prepared, kernels().forward);

    context->set_materialize_grads(true);
    context->saved_data["cell"] = static_cast<int64_t>(call.cell);
    context->saved_data["lengths"] = call.lengths;
    context->saved_data["threads"] = call.threads;
    variable_list kept(given.begin(), given.end());
    kept.push_back(output);
    kept.insert(kept.end(), saved.begin(), saved.end());
    context->save_for_backward(std::move(kept));
    return {output, last};
  }

  static variable_list backward(AutogradContext *context, const variable_list &grads) {
    auto kept = context->get_saved_variables();
    const size_t directions = (kept.size() - 2) / 5, count = 1 + 4 * directions;
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < count; ++i) tensors.push_back(kept[i].contiguous());
    Prepared prepared;
    prepare(prepared, static_cast<Cell>(context->saved_data["cell"].toInt()),
            context->saved_data["lengths"].toIntVector(), context->saved_data["threads"].toInt(), tensors);
    Layer &layer = prepared.layer;
    const int64_t H = layer.hidden, gates = layer.gates() * H;
    const Tensor grad_output = grads[0].contiguous(), grad_last = grads[1].contiguous();
    layer.output = kept[count].data_ptr<float>();
    layer.grad_output = values(grad_output);
    layer.grad_last = values(grad_last);
    // one gradient for each tensor, in front of them an empty one for the call
    variable_list results(count + 1);
    for (size_t i = 0; i < count; ++i) {
      if (i > 0 || context->needs_input_grad(0)) results[i + 1] = at::empty_like(tensors[i]);
    }
    for (int64_t d = 0; d < layer.directions; ++d) {
      Direction &side = layer.direction[d];
      side.saved = kept[count + 1 + d].data_ptr<float>();
      side.deltas = prepared.floats(prepared.steps * layer.deltas_width());
      side.grad_w_ih = results[4 * d + 2].data_ptr<float>();
      side.grad_w_hh = results[4 * d + 3].data_ptr<float>();
      side.grad_b_ih = results[4 * d + 4].data_ptr<float>();
      side.grad_b_hh = results[4 * d + 5].data_ptr<float>();
      side.hidden_panels = prepared.floats(kernels().panel_floats(gates, H));
      for (int64_t gate = 0; gate < layer.gates(); ++gate) {
        kernels().pack(side.hidden_panels, side.w_hh + gate * H * H, H, H, H, 1, layer.hidden_deltas(gate), gates);
      }
      if (results[1].defined()) {
        side.input_panels = prepared.floats(kernels().panel_floats(gates, layer.inputs));
        kernels().pack(side.input_panels, side.w_ih, gates, layer.inputs, layer.inputs, 1, 0, gates);
      }
    }
    run_blocks(prepared, kernels().backward);

    // then the sums over steps, which need the deltas of every row, and the input's gradient, of every direction
    bool weights = false;
    for (size_t i = 1; i < count; ++i) weights = weights || context->needs_input_grad(i);
    const int64_t slices = (H + SLICE - 1) / SLICE, slices_of_side = slices * layer.gates();
    const int64_t weight_tasks = weights ? 2 * layer.directions * slices_of_side : 0;
    int64_t input_tasks = 0;
    if (results[1].defined()) {
      layer.grad_input = results[1].data_ptr<float>();
      input_tasks = layer.batch;
    }
    parallel(weight_tasks + input_tasks, prepared.threads, [&](int64_t task, int64_t) {
      if (task >= weight_tasks) {
        kernels().input_gradient(layer, layer.order[task - weight_tasks]);
        return;
      }
      const int64_t side = task / slices_of_side, gate = task % slices_of_side / slices, from = task % slices * SLICE;
      kernels().weight_gradient(layer, layer.direction[side / 2], side % 2 == 1, gate, from,
                                std::min(SLICE, H - from));
    });
    if (!weights) {
      for (size_t i = 1; i < count; ++i) results[i + 1] = Tensor();
    }
    return results;
  }
};

}  // namespace
}  // namespace recurrent

// tensors: `count` pointers to tensors, the input and then w_ih, w_hh, b_ih, b_hh of each direction; float, on the CPU,
// of shapes that fit together. lengths: one for each row. Returns 0 and two new tensors, or 1 and a message of at most
// `message_size` bytes, its end included.
extern "C" int pipeline_recurrent(int64_t cell, const void *const *tensors, int64_t count, const int64_t *lengths,
                                  int64_t threads, void **output, void **last, char *message, int64_t message_size) {
  const auto fail = [&](const char *what) {
    std::strncpy(message, what, static_cast<size_t>(message_size - 1));
    message[message_size - 1] = '\0';
    return 1;
  };
  try {
    std::vector<at::Tensor> given;
    for (int64_t i = 0; i < count; ++i) given.push_back(*static_cast<const at::Tensor *>(tensors[i]));
    recurrent::Call call{static_cast<recurrent::Cell>(cell), {lengths, lengths + given[0].size(0)}, threads};
    auto results = recurrent::RecurrentLayer::apply(call, at::TensorList(given));
    auto first = std::make_unique<at::Tensor>(std::move(results[0]));
    *last = new at::Tensor(std::move(results[1]));
    *output = first.release();
    return 0;
  } catch (const c10::Error &error) {
    return fail(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return fail(error.what());
  }
}

// Keeps to the worst `sets` instruction sets, for tests, while nothing else runs; says how many there are to use.
extern "C" int64_t pipeline_recurrent_limit(int64_t sets) {
  recurrent::ceiling = static_cast<size_t>(sets - 1);
  return static_cast<int64_t>(recurrent::available().size());
}
