export * from './wanda.js';
