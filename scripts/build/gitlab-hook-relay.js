#!/usr/bin/env node
// The program on any Node from 20.20 on; an older one reads no further than the first line, which refuses it.
import "./node-version.cjs";

import("../cli.js");
