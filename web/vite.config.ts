import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// The script sets the reader's theme and draws the page: nothing is painted before it, so that no other theme flashes up.
const waitForScript: Plugin = {
  name: "wait-for-script",
  transformIndexHtml: {
    order: "post",
    handler: (html) =>
      html
        .replace('<script type="module" crossorigin', '<script type="module" blocking="render"')
        .replace(" crossorigin", ""),
  },
};

// One script and one style sheet with fixed names: a report is one file with both inside, and what is committed
// changes only when its source does.
export default defineConfig({
  plugins: [preact({ devToolsEnabled: false, prefreshEnabled: false }), waitForScript],
  base: "/static/",
  resolve: {
    alias: { "d3-transition": fileURLToPath(new URL("src/graph/noTransitions.ts", import.meta.url)) },
  },
  build: {
    outDir: "../switchyard/console/static",
    emptyOutDir: true,
    target: "es2022",
    // light-dark() is what the two themes are made of: these are the first browsers that have it.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: "console.js",
        assetFileNames: "console[extname]",
        codeSplitting: false,
      },
    },
  },
  // One page for all files: making one for each took four times as long as the tests. Each test cleans up after itself.
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], isolate: false },
});
