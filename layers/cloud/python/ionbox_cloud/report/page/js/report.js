// Entry of report.html.

import { start } from "./app.js";
import { EmbeddedSource } from "./embedded.js";

start(() => new EmbeddedSource());
