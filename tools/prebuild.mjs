/**
 * `node tools/prebuild.mjs DIR`: a package of the native kernels of this platform, compiled, ready for `npm pack`: `@chop/kernels-linux-x64`, ….
 * Where it is installed beside `@chop/kernels` of the same sources, no compiler is needed for the kernels.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { addonFile, installEngine, kernelSources, prebuiltPackage } from '@chop/kernels';
import { ROOT } from './workspace.mjs';

const out = process.argv[2];
if (!out) throw new Error('Give the folder for the package: node tools/prebuild.mjs DIR');
const { folder, tensorflow } = await installEngine();
const { hash } = await kernelSources();
const { version, license } = JSON.parse(readFileSync(join(ROOT, 'libs/kernels/package.json'), 'utf8'));
const manifest = {
  ...{ name: prebuiltPackage(), version, license, description: `The native kernels of chop, compiled for ${process.platform} ${process.arch}.` },
  ...{ os: [process.platform], cpu: [process.arch], files: ['chop_kernels.node'], chop: { hash, tensorflow } },
};
mkdirSync(out, { recursive: true });
copyFileSync(addonFile(folder, hash), join(out, 'chop_kernels.node'));
copyFileSync(join(ROOT, 'LICENSE'), join(out, 'LICENSE'));
writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`${manifest.name}@${version} for TensorFlow ${tensorflow}, sources ${hash}: ${resolve(out)}`);
