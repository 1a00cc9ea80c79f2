import preset from './jest/preset.js';

/** The tools run uncompiled, and so do their tests. */
export default { ...preset(import.meta.url), testMatch: ['<rootDir>/**/*.spec.mjs'] };
