/** The rows as a Markdown table. `×` is how many times as fast as the peer; memory is chop's peak as a share of the peer's. */
export function markdownTable(machine, rows) {
  const head = ['work', 'chop', 'peer', '×', 'memory', 'of the roof'];
  const lines = rows.map(({ work, absent, ours, peer, peerName, ratio, memoryRatio, shareOfRoof }) =>
    absent
      ? [work, absent, '–', '–', '–', '–']
      : [
          work,
          side(ours),
          peer ? `${side(peer)} (${peerName})` : '–',
          ratio === undefined ? '–' : ratio.toFixed(2),
          memoryRatio === undefined ? bytes(ours.peakBytes) : `${bytes(ours.peakBytes)} = ${memoryRatio.toFixed(2)} ×`,
          shareOfRoof === undefined ? '–' : `${Math.round(100 * shareOfRoof)} %`,
        ],
  );
  const facts = `${machine.cpu}, ${machine.cores} cores (${machine.features.join(', ')}), ${machine.engine}; product ${(machine.productFlops / 1e9).toFixed(0)} GFLOPS, copy ${(machine.copyBytes / 1e9).toFixed(1)} GB/s`;
  return [facts, '', row(head), row(head.map(() => '---')), ...lines.map(row), ''].join('\n');
}

const row = (cells) => `| ${cells.join(' | ')} |`;
const bytes = (count) => `${(count / 1e9).toFixed(2)} GB`;

function side({ perSecond, seconds, unit }) {
  return unit === 's'
    ? `${seconds.toFixed(2)} s`
    : `${perSecond >= 1e6 ? `${(perSecond / 1e6).toFixed(0)} M` : perSecond.toFixed(perSecond < 100 ? 1 : 0)} ${unit}/s`;
}
