import { name } from "./part.mjs";
loaded.push(name);
