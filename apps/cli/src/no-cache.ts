/** What `--no-cache` says of itself. */
export const NO_CACHE = 'put every question of the tasks to the model again; else what it has answered in an earlier run is taken from the cache folder';
