internal import CAsyncMitogen

extension LaunchPlan {
  /// What is started in truth, and becomes the plan's program: a terminal's end would end a program that does not ignore
  /// it from the beginning, so this program does, on its way to the other one.
  var spawned: LaunchPlan {
    guard releasesTerminal else { return self }
    var plan = self
    plan.path = "/proc/self/exe"
    plan.arguments = [AMT_HOLD_MARKER, path] + arguments
    plan.environment[AMT_CHILD_VARIABLE] = "1"
    return plan
  }
}
