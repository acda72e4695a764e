// Entry of report.html.

import { start } from "./app.js";
import { EmbeddedSource } from "./sources/embedded.js";

start(() => new EmbeddedSource());
