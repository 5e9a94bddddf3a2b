// The provider against the editor's interface of today, which is newer than the oldest that is supported.
// Nobody calls it: that it compiles is the test (tsconfig.current.json).

import type * as vscode from "vscode";
import type { Provider } from "../../src/models/provider";

export const isProvider = (provider: Provider): vscode.LanguageModelChatProvider => provider;
