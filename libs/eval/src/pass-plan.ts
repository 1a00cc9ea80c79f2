/** The log-likelihood of some tokens after others. */
export interface TokenRequest {
  /** What the model reads: the context and all of the continuation but its last token. At least as long as {@link targets}. */
  readonly input: readonly number[];
  /** The continuation: predicted after the last so many tokens of the input. */
  readonly targets: readonly number[];
  /** Requests of one number share a beginning: it is computed once. */
  readonly family: number;
  /** Whether it is to be told if every target is the likeliest token. */
  readonly greedy: boolean;
}

/** Which tokens of a row tell of which request. */
export interface Reading {
  readonly request: number;
  /** Place in the row of the token after which the first target is predicted. */
  readonly from: number;
}

/** A row of tokens, and what is read off it. */
export interface PlannedRow {
  readonly ids: readonly number[];
  readonly readings: readonly Reading[];
  /** Which of the group's beginnings stands before it. */
  readonly beginning: number;
}

/** Rows that go through the model together, padded behind to the longest. */
export type PlannedBatch = readonly PlannedRow[];

/** Beginnings of one length, and the rows that go on from them. */
export interface PlannedGroup {
  /** Equally long; none where rows begin at the first token. */
  readonly beginnings: readonly (readonly number[])[];
  readonly batches: readonly PlannedBatch[];
}

/** Tokens that go through the model at once: from here on products gain nothing, and memory would grow. */
export const PASS_TOKENS = 2048;
/** A pass with fewer tokens spends its time on fetching weights: rather pad a little. */
const SMALL_PASS_TOKENS = 512;
/** A shorter beginning is computed again with every row. */
const SHORTEST_BEGINNING = 4;
/** Share of tokens that may be padding or computed again, once a pass is not small. */
const SPARE = 0.06;

/** One family's rows: those that are the beginning of another are read off it. */
interface Family {
  readonly rows: readonly { readonly ids: readonly number[]; readonly requests: readonly number[] }[];
  /** Tokens that all rows have in common and nothing is read off. */
  readonly shared: number;
  readonly tokens: number;
}

/**
 * Sorts requests into passes: what a family has in common once, rows of like length together, hardly any padding. What a request scores
 * does not depend on it: kernels compute each row by itself.
 */
export function planPasses(requests: readonly TokenRequest[], passTokens = PASS_TOKENS): PlannedGroup[] {
  const families = familiesOf(requests);
  const branched = families.filter(({ rows, shared }) => rows.length > 1 && shared >= SHORTEST_BEGINNING).sort((a, b) => b.shared - a.shared);
  const single = families.filter((family) => !branched.includes(family));
  const groups: PlannedGroup[] = [];
  for (const members of gathered(branched, passTokens)) {
    const shared = members.at(-1)!.shared;
    const rows = members.flatMap((family, beginning) => family.rows.map((row) => placed(row, requests, shared, beginning)));
    groups.push({ beginnings: members.map(({ rows: [first] }) => first!.ids.slice(0, shared)), batches: batched(rows, passTokens) });
  }
  const rows = single.flatMap((family) => family.rows.map((row) => placed(row, requests, 0, 0)));
  for (const batch of batched(rows, passTokens)) groups.push({ beginnings: [], batches: [batch] });
  return groups;
}

function familiesOf(requests: readonly TokenRequest[]): Family[] {
  const members = new Map<number, number[]>();
  requests.forEach(({ family }, at) => members.set(family, [...(members.get(family) ?? []), at]));
  return [...members.values()].map((own) => {
    const rows: { ids: readonly number[]; requests: number[] }[] = [];
    for (const at of [...own].sort((a, b) => requests[b]!.input.length - requests[a]!.input.length)) {
      const { input } = requests[at]!;
      const longer = rows.find(({ ids }) => commonLength(ids, input) === input.length);
      if (longer) longer.requests.push(at);
      else rows.push({ ids: input, requests: [at] });
    }
    const [first] = rows;
    const common = rows.reduce((length, { ids }) => Math.min(length, commonLength(first!.ids, ids)), Infinity);
    const shared = own.reduce((length, at) => Math.min(length, requests[at]!.input.length - requests[at]!.targets.length), common);
    return { rows, shared, tokens: rows.reduce((sum, { ids }) => sum + ids.length - shared, shared) };
  });
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** Families, longest shared part first, in groups that are cut to the shortest of theirs. */
function* gathered(families: readonly Family[], passTokens: number): Generator<Family[]> {
  let group: Family[] = [];
  let tokens = 0;
  for (const family of families) {
    const spare = group.reduce((sum, { rows, shared }) => sum + (rows.length - 1) * (shared - family.shared), 0);
    if (group.length > 0 && (tokens + family.tokens > passTokens || (tokens >= SMALL_PASS_TOKENS && spare > SPARE * tokens))) {
      yield group;
      group = [];
      tokens = 0;
    }
    group.push(family);
    tokens += family.tokens;
  }
  if (group.length > 0) yield group;
}

function placed({ ids, requests: own }: Family['rows'][number], requests: readonly TokenRequest[], shared: number, beginning: number): PlannedRow {
  const readings = own.map((request) => ({ request, from: requests[request]!.input.length - requests[request]!.targets.length - shared }));
  return { ids: ids.slice(shared), readings, beginning };
}

function batched(rows: readonly PlannedRow[], passTokens: number): PlannedRow[][] {
  const batches: PlannedRow[][] = [];
  let spare = 0;
  for (const row of [...rows].sort((a, b) => b.ids.length - a.ids.length)) {
    const batch = batches.at(-1);
    const longest = batch?.[0]!.ids.length ?? 0;
    const padded = batch ? longest * (batch.length + 1) : Infinity;
    const padding = spare + longest - row.ids.length;
    if (batch && padded <= passTokens && (padded < SMALL_PASS_TOKENS || padding <= SPARE * padded)) {
      batch.push(row);
      spare = padding;
    } else {
      batches.push([row]);
      spare = 0;
    }
  }
  return batches;
}
