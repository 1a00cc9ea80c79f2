/**
 * `npm run release-check [-- --keep]`: what a user gets. Packs every package, installs the archives into an empty project without install scripts, looks at them with
 * publint, compiles a consumer against their types (strict, `nodenext` and `bundler`), imports every entry point, runs the command line and a script; writes the
 * CycloneDX list of what was installed, and asks `npm audit`. Takes a minute or two and the network; ends with exit code 1 when something is wrong.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { packageFolders, ROOT } from './workspace.mjs';

const require = createRequire(import.meta.url);
const RESULTS = join(ROOT, '.release');
const MODULE_KINDS = { nodenext: 'nodenext', bundler: 'esnext' };
/** Licences that a user of an Apache-2.0 package can take along. */
const PERMISSIVE = /^(MIT(-0)?|Apache-2\.0|BSD-[23]-Clause|ISC|0BSD|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|Python-2\.0|Zlib)$/;

/** Written as a user would; it is compiled, too. */
const SCRIPT = `
import { compose, layerChop } from '@chop/chop';
const chop = await compose();
const base = await chop.open('embedded');
const plan = await chop.plan(base, layerChop({ keep: 2 }));
await chop.save(await chop.apply(base, plan), 'small', { force: true });
await base.close();
console.log(plan.explain());
`;

const scratch = mkdtempSync(join(tmpdir(), 'chop-release-'));
const [archives, project] = [join(scratch, 'archives'), join(scratch, 'project')];
for (const folder of [archives, project]) mkdirSync(folder);
const packages = packageFolders()
  .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) }))
  .filter((each) => !each.private);

let wrong = 0;
await step('pack', pack);
await step('publint', lint);
await step('install without scripts', install);
for (const resolution of Object.keys(MODULE_KINDS)) await step(`types, moduleResolution ${resolution}`, () => types(resolution));
await step('import every entry point', importAll);
await step('chop doctor', () => chop(['doctor', '--json'], ({ checks }) => `${checks.length} checks`));
await step('chop inspect embedded', () => chop(['inspect', 'embedded', '--json'], ({ parameters }) => `${parameters} parameters`));
await step('a script', script);
await step('CycloneDX list', list);
await step('npm audit', audit);
if (process.argv.includes('--keep')) console.log(scratch);
else rmSync(scratch, { recursive: true });
process.exitCode = wrong === 0 ? 0 : 1;

/** Runs a step; what it returns is told, what it throws is a fault of the release. */
async function step(name, run) {
  const began = Date.now();
  const [mark, text] = await Promise.resolve()
    .then(run)
    .then(
      (result) => ['ok   ', result],
      (error) => ['wrong', (`${error.stdout ?? ''}${error.stderr ?? ''}` || error.message).split('\n').slice(0, 30).join('\n')],
    );
  if (mark === 'wrong') wrong++;
  console.log(`${mark} ${name}: ${String(text).trim().replaceAll('\n', '\n      ')} (${((Date.now() - began) / 1000).toFixed(0)} s)`);
}

function pack() {
  const words = packages.flatMap(({ name }) => ['-w', name]);
  const packed = JSON.parse(output('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', archives, ...words], ROOT));
  for (const { name, filename } of packed) packages.find((each) => each.name === name).archive = join(archives, filename);
  const bytes = packed.reduce((sum, { size }) => sum + size, 0);
  const stray = packed.flatMap(({ name, files }) =>
    files.filter(({ path }) => /\.spec\.|tsbuildinfo|^test\//.test(path)).map(({ path }) => `${name}: ${path}`),
  );
  if (stray.length > 0) throw new Error(`Not for users: ${stray.join(', ')}`);
  return `${packed.length} packages, ${(bytes / 1e6).toFixed(1)} MB`;
}

async function lint() {
  const told = [];
  for (const { name, archive } of packages) {
    const { messages, pkg } = await publint({ pack: { tarball: readFileSync(archive) }, strict: true });
    told.push(...messages.map((message) => `${name}: ${formatMessage(message, pkg, { color: false })}`));
  }
  if (told.length > 0) throw new Error(told.join('\n'));
  return 'no message';
}

function install() {
  const dependencies = Object.fromEntries(packages.map(({ name, archive }) => [name, `file:${archive}`]));
  write('package.json', JSON.stringify({ name: 'consumer', version: '1.0.0', private: true, type: 'module', dependencies }));
  output('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund']);
  const { packages: installed } = JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8'));
  const scripts = Object.entries(installed).filter(([, { hasInstallScript }]) => hasInstallScript);
  return `${Object.keys(installed).length} packages; with an install script that was not run: ${scripts.map(([path]) => path.replace(/^.*node_modules\//, '')).join(', ') || 'none'}`;
}

function types(moduleResolution) {
  cpSync(join(ROOT, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'), { recursive: true, dereference: true });
  cpSync(join(ROOT, 'node_modules/undici-types'), join(project, 'node_modules/undici-types'), { recursive: true, dereference: true });
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: 'es2023',
    module: MODULE_KINDS[moduleResolution],
    moduleResolution,
    noEmit: true,
    types: ['node'],
  };
  write('tsconfig.json', JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: false }, files: ['consumer.ts'] }));
  write(
    'consumer.ts',
    `${entries()
      .map((entry, at) => `import * as entry${at} from '${entry}';`)
      .join('\n')}\nexport const all = [${entries()
      .map((_, at) => `entry${at}`)
      .join(', ')}];\n${SCRIPT}`,
  );
  const { stdout } = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.json', '--pretty', 'false'], {
    cwd: project,
    encoding: 'utf8',
  });
  const told = stdout.split('\n').filter((line) => /^\S+\(\d+,\d+\): error/.test(line));
  // What the declarations of others say of one another (WebGPU's in lib.dom and in @webgpu/types) is not seen with skipLibCheck, which they all ask for.
  const own = told.filter((line) => /^(consumer\.ts|node_modules\/@chop\/)/.test(line));
  if (own.length > 0) throw new Error(own.join('\n'));
  return `${entries().length} entry points; ${told.length} messages among declarations of others, none of chop's`;
}

function importAll() {
  const text = entries()
    .map((entry) => `if (Object.keys(await import('${entry}')).length === 0) throw new Error('${entry} exports nothing');`)
    .join('\n');
  write('import.mjs', text);
  output(process.execPath, ['import.mjs']);
  return `${entries().length} entry points`;
}

function chop(words, tell) {
  const { stdout, stderr, status } = spawnSync(join(project, 'node_modules/.bin/chop'), words, { cwd: project, encoding: 'utf8' });
  if (status !== 0) throw new Error(`exit code ${status}\n${stdout}${stderr}`);
  return tell(JSON.parse(stdout));
}

function script() {
  write('script.mjs', SCRIPT);
  return output(process.execPath, ['script.mjs']);
}

/** The list of what is inside, and whether all of it may be taken along. */
function list() {
  const text = output('npm', ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application']);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'sbom.cdx.json'), text);
  const { components } = JSON.parse(text);
  const licences = components.map(({ name, licenses = [] }) => [
    name,
    licenses.map(({ license, expression }) => expression ?? license.id ?? license.name).join(' '),
  ]);
  const other = licences.filter(
    ([, licence]) =>
      !licence
        .replaceAll(/[()]/g, '')
        .split(/ OR | AND /)
        .some((each) => PERMISSIVE.test(each)),
  );
  if (other.length > 0) throw new Error(`Licences to look at: ${other.map(([name, licence]) => `${name} (${licence || 'none'})`).join(', ')}`);
  return `${components.length} components, permissive licences only: .release/sbom.cdx.json`;
}

function audit() {
  const { stdout, stderr } = spawnSync('npm', ['audit', '--json'], { cwd: project, encoding: 'utf8' });
  const { metadata, message } = JSON.parse(stdout || '{}');
  if (metadata === undefined) return `not asked: the registry has no advisories (${(message ?? stderr).split('\n')[0]})`;
  const { info: _, total, ...serious } = metadata.vulnerabilities;
  if (Object.values(serious).some((count) => count > 0)) throw new Error(stdout);
  return `${total} advisories`;
}

function entries() {
  return packages.flatMap(({ name, exports = {} }) =>
    Object.keys(exports)
      .filter((key) => !key.includes('*') && key !== './package.json')
      .map((key) => name + key.slice(1)),
  );
}

function write(name, text) {
  writeFileSync(join(project, name), text);
}

function output(command, words, cwd = project) {
  return execFileSync(command, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
}
