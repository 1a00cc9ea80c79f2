/**
 * `node tools/report/look.mjs [FOLDER] [report.html …]`: looks at reports in headless Chromium, made-up ones where none is given. Writes a picture of each at
 * 1200 and 400 pixels, light and dark, and as printed, into FOLDER; prints what axe finds and what the page does that it must not: console messages, requests,
 * more width than the window; under the page's own policy sorts and copies its first table by keyboard; and reads it without scripts. Exit code 1 when there is anything. CHROMIUM names the browser, else /usr/bin/chromium.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { comparison, large, quickStart } from './facts.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const [folder = join(tmpdir(), 'chop-report'), ...given] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const files = given.length > 0 ? given : await madeUp();

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
let findings = 0;
try {
  for (const file of files) findings += await use(file);
  for (const file of files) for (const width of [1200, 400]) for (const colorScheme of ['light', 'dark']) findings += await look(file, width, colorScheme);
} finally {
  await browser.close();
}
console.log(`${files.length} pages, ${findings} findings, pictures in ${folder}`);
process.exitCode = findings === 0 ? 0 : 1;

async function madeUp() {
  const { renderReport } = await import('@chop/report');
  const pages = { 'quick-start': renderReport(quickStart()), large: renderReport(large()), comparison: renderReport(comparison()) };
  return Promise.all(
    Object.entries(pages).map(async ([name, html]) => {
      const file = join(folder, `${name}.html`);
      await writeFile(file, html);
      console.log(`${file}: ${html.length} characters`);
      return file;
    }),
  );
}

/** Sorts and copies by keyboard, under the policy of the page; without scripts, every word must be there still. */
async function use(file) {
  const found = [];
  const url = pathToFileURL(resolve(file)).href;
  const words = async (page) => (await page.locator('main').innerText()).replace(/\s+/g, ' ');
  const still = await browser.newContext({ javaScriptEnabled: false });
  const live = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  try {
    const [plain, page] = [await still.newPage(), await live.newPage()];
    page.on('console', (message) => found.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => found.push(`error: ${error.message}`));
    await plain.goto(url);
    await page.goto(url);
    const table = page.locator('table.data').first();
    if ((await table.count()) > 0) {
      const names = () => table.locator('tbody th').allInnerTexts();
      const head = table.getByRole('button').first();
      const before = await names();
      await head.focus();
      for (const [way, expected] of [['ascending', before.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))], ['descending'], [null, before]]) {
        await page.keyboard.press('Enter');
        const said = await table.locator('thead th').first().getAttribute('aria-sort');
        if (said !== way) found.push(`aria-sort is ${said}, not ${way}`);
        if (expected && String(await names()) !== String(expected)) found.push(`${way ?? 'original'} order is ${await names()}`);
      }
      for (const [format, start] of [
        ['CSV', 'Model,'],
        ['Markdown', '| Model |'],
        ['LaTeX', '\\begin{tabular}'],
      ]) {
        const button = page.getByRole('button', { name: `Copy the table as ${format}` }).first();
        await button.press('Space');
        await page.getByText(`as ${format}.`).first().waitFor();
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        if (!copied.startsWith(start)) found.push(`${format} is ${copied.slice(0, 40)}`);
      }
      await page.evaluate(() => document.querySelectorAll('.tools').forEach((tools) => tools.remove()));
    }
    if ((await words(plain)) !== (await words(page))) found.push('reads otherwise without scripts');
  } finally {
    await still.close();
    await live.close();
  }
  for (const finding of found) console.log(`${basename(file)}: ${finding}`);
  return found.length;
}

async function look(file, width, colorScheme) {
  // The page's own policy forbids scripts; axe is one.
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true, deviceScaleFactor: 1.5 });
  try {
    const page = await context.newPage();
    const found = [];
    page.on('console', (message) => found.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => found.push(`error: ${error.message}`));
    page.on('request', (request) => request.isNavigationRequest() || found.push(`request: ${request.url()}`));
    await page.goto(pathToFileURL(resolve(file)).href);
    const picture = join(folder, `${basename(file, '.html')}-${width}-${colorScheme}`);
    await page.screenshot({ path: `${picture}.png`, fullPage: true });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) found.push(`${wide} pixels wide`);
    await page.addScriptTag({ content: axe });
    const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
    for (const { id, help, nodes } of violations) found.push(`axe ${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
    if (width === 1200 && colorScheme === 'dark') await page.pdf({ path: `${picture.replace(/-1200-dark$/, '')}.pdf`, format: 'A4', printBackground: false });
    for (const finding of found) console.log(`${picture}: ${finding}`);
    return found.length;
  } finally {
    await context.close();
  }
}
