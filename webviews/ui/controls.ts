/** Form controls that look like the editor's. The toolkit is archived upstream, so this is the one file that knows it. */
import { provideVSCodeDesignSystem, vsCodeCheckbox, vsCodeTextField } from "@vscode/webview-ui-toolkit";

/** Makes `<vscode-text-field>` and `<vscode-checkbox>` known to the page. */
export function registerControls(): void {
  provideVSCodeDesignSystem().register(vsCodeTextField(), vsCodeCheckbox());
}
