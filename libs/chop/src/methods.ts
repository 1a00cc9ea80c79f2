import { checkOptions, type Configured, type Distiller, named, type Parts, type Pruner, type Taught } from '@chop/core';

/**
 * A pruner by its name, its options checked: what a command line or a recipe has instead of `layerChop({ keep: 15 })`.
 *
 * @throws {@link UsageError} `METHOD_UNKNOWN`, `OPTION_UNKNOWN`, `OPTION_VALUE`
 */
export function methodNamed(parts: Parts, name: string, options: Readonly<Record<string, unknown>> = {}): Configured<Pruner> {
  const method = named('pruner', parts.pruners, name);
  checkOptions(method.options, options, name);
  return { method, options };
}

/**
 * A distiller by its name, its options checked, with its teacher.
 *
 * @throws {@link UsageError} `METHOD_UNKNOWN`, `OPTION_UNKNOWN`, `OPTION_VALUE`
 */
export function lossNamed<Teacher>(
  parts: Parts,
  name: string,
  { teacher, ...options }: Readonly<Record<string, unknown>> & { readonly teacher: Teacher },
): Taught<Teacher> {
  const method: Distiller = named('distiller', parts.distillers, name);
  checkOptions(method.options, options, name);
  return { method, options, teacher };
}
