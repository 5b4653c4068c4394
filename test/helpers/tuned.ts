/** A program that does nothing but tune its collector: a flag that V8 does not know would be told on standard error. */
import process from "node:process";
import { tuneCollector } from "../../relay/process/collector.ts";

tuneCollector();
process.stdout.write("tuned\n");
