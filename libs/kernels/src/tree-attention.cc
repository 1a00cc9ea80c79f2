// A run of tokens, each behind the one before it, with the keys of all tokens before it in its text gathered in the order of the text: so a query meets
// its keys in the tiles in which it would meet them if its text stood alone, and comes to the same bits.
#include "attention.h"

namespace chop {
namespace {

/** Tokens `first … first + count − 1`, each of which stands behind the one before it. `place`: of the first, in its text. */
struct Run {
  int64_t first, count, place;
};

/** The runs of a tree, none longer than `most`. */
std::vector<Run> runsOf(const int32_t* parents, int64_t tokens, int64_t most) {
  std::vector<Run> runs;
  std::vector<int64_t> places(tokens);
  for (int64_t at = 0; at < tokens; ++at) {
    Call::expect(parents[at] >= -1 && parents[at] < at, "parents that stand before their tokens, −1 for a text's first");
    places[at] = parents[at] < 0 ? 0 : places[parents[at]] + 1;
    const bool goesOn = !runs.empty() && parents[at] == at - 1 && at > 0 && runs.back().count < most;
    if (goesOn)
      ++runs.back().count;
    else
      runs.push_back({at, 1, places[at]});
  }
  return runs;
}

/** softmax(scale · q kᵀ + mask) v over the tokens of each one's text. */
void treeAttention(Call& call) {
  const Array &q = call.input(0), &k = call.input(1), &v = call.input(2), &parents = call.input(3);
  const Heads of = headsOf(call, 0);
  Call::expect(of.b == 1 && of.s == of.t && parents.sizes == Sizes({of.t}), "one row of tokens with a parent each");
  const Array out = call.output(0, q.sizes);
  const std::vector<Run> runs = runsOf(parents.ints(), of.t, queriesOf(of));
  int64_t longest = 0, most = 1;
  for (const Run& run : runs) longest = std::max(longest, run.place + run.count), most = std::max(most, run.count);
  const int64_t cost = of.t / std::max<int64_t>(1, runs.size()) * of.group * of.inner * std::min(longest, of.window) / 4;
  const int64_t own = attendFloats(of, most);
  shareTasks(call, of.kv * runs.size(), cost, own + 2 * longest * of.inner, [&](int64_t task, float* memory) {
    const Run& run = runs[task / of.kv];
    const int64_t head = task % of.kv;
    float *keys = memory + own, *values = keys + longest * of.inner;
    // One group of heads by itself, before the keys of one text.
    Heads text = of;
    text.kv = 1, text.s = run.place + run.count, text.offset = run.place - run.first;
    int32_t token = static_cast<int32_t>(run.first + run.count - 1);
    for (int64_t place = text.s - 1; place >= firstTile(text, run.first); --place, token = parents.ints()[token]) {
      std::copy_n(k.floats() + of.key(0, token, head), of.inner, keys + place * of.inner);
      std::copy_n(v.floats() + of.key(0, token, head), of.inner, values + place * of.inner);
    }
    const int64_t group = head * of.group * of.inner;
    attendTo(text, {0, 0, run.first, run.count}, q.floats() + group, keys, values, out.floats() + group, nullptr, memory);
  });
}

const Op kTreeAttention("ChopTreeAttention", "q: float, k: float, v: float, parents: int32 -> out: float", "scale, window", treeAttention);

}  // namespace
}  // namespace chop
