import type { LatencyResult, SpeedUps } from '@chop/eval';
import type { RunFacts, SettingFacts, TimedFacts } from '@chop/report';
import type { ComparedVariant } from './compare.js';
import type { StepResult } from './run.js';

/** What a run tells of speed: of its own steps, one after the other; of the comparison that it is a variant of, in turns with the base. */
export function speedFacts(
  steps: readonly StepResult[],
  { name, compared }: { readonly name: string; readonly compared: ComparedVariant | undefined },
): Pick<RunFacts, 'timed' | 'paid'> {
  const own = steps.flatMap(({ evaluation }): TimedFacts[] =>
    // Folders of earlier versions tell of one setting only, without its size.
    evaluation?.latency?.settings ? [timed(evaluation.name, evaluation.latency, { peakBytes: evaluation.latency.peakBytes })] : [],
  );
  const { latency, baseLatency, peakBytes, speedUps, breakEven, pruneSeconds = 0, trainSeconds: recoverySeconds = 0 } = compared ?? {};
  const peak = peakBytes === undefined ? {} : { peakBytes };
  const turns =
    latency && baseLatency ? [timed(`base beside ${name}`, baseLatency, peak), timed(name, latency, { ...peak, ...(speedUps ? { speedUps } : {}) })] : [];
  const all = [...own, ...turns];
  const [first, before] = [latency?.settings[0], baseLatency?.settings[0]];
  return {
    ...(all.length > 0 ? { timed: all } : {}),
    ...(first && before && breakEven && speedUps
      ? {
          paid: {
            ...{ name, pruneSeconds, recoverySeconds, batch: first.batch, context: first.context },
            ...{ baseMilliseconds: before.query.median, milliseconds: first.query.median, speedUp: speedUps[0]!.query },
            ...(breakEven.queries === undefined ? {} : { queries: breakEven.queries }),
          },
        }
      : {}),
  };
}

function timed(
  name: string,
  { settings, weightBytes }: Pick<LatencyResult, 'settings' | 'weightBytes'>,
  { peakBytes, speedUps }: { readonly peakBytes?: number; readonly speedUps?: readonly SpeedUps[] },
): TimedFacts {
  return {
    name,
    weightBytes,
    ...(peakBytes === undefined ? {} : { peakBytes }),
    settings: settings.map(({ batch, context, prefill, decode, query, textBytes }, at): SettingFacts => {
      const faster = speedUps?.[at];
      return { batch, context, prefill, decode, query, textBytes, ...(faster ? { speedUps: faster } : {}) };
    }),
  };
}
