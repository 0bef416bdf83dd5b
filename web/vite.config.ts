import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";

// One script and one style sheet with fixed names: a report is one file with both inside, and what is committed
// changes only when its source does.
export default defineConfig({
  plugins: [preact({ devToolsEnabled: false, prefreshEnabled: false })],
  base: "/static/",
  build: {
    outDir: "../switchyard/console/static",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: "console.js",
        assetFileNames: "console[extname]",
        inlineDynamicImports: true,
      },
    },
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
