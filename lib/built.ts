/**
 * Where programs of ours lie. From the sources each has its own folder; in the build (`npm run build`) every program is one
 * JavaScript file, and all of them lie side by side.
 */
export const isBuilt = import.meta.url.endsWith(".js");
