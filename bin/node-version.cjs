/**
 * Ends a start on a Node that is too old with one sentence, where the program itself would fail with a stack trace. In the JavaScript
 * of 2009, so that every Node can read it.
 */
/* oxlint-disable no-var, no-console */
"use strict";

var LEAST = [20, 20];

/**
 * @param {string} version such as "18.19.1"
 * @returns {string | null} null: new enough
 */
function versionProblem(version) {
  var parts = version.split(".").map(Number);
  if (parts[0] > LEAST[0] || (parts[0] === LEAST[0] && parts[1] >= LEAST[1])) return null;
  return (
    "gitlab-hook-relay needs Node " +
    LEAST.join(".") +
    " or later, and this is Node " +
    version +
    ": install a newer one from https://nodejs.org"
  );
}

var problem = versionProblem(process.versions.node);
if (problem !== null) {
  console.error(problem);
  process.exit(1);
}

module.exports = { versionProblem: versionProblem };
