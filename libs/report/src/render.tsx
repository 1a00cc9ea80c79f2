import { renderToString } from 'preact-render-to-string';
import type { RunFacts } from './facts.js';
import { Page } from './page.js';

/** The page of a run: one HTML file that needs nothing beside it. */
export function renderReport(facts: RunFacts): string {
  return `<!doctype html>\n${renderToString(<Page facts={facts} />)}\n`;
}
