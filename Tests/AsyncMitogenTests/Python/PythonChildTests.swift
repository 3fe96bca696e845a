import Testing

@testable import AsyncMitogen

/// Real Python children of a Swift master.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or python3"),
  .timeLimit(.minutes(1)))
struct PythonChildTests {
  @Test func `a Python child answers a call`() async throws {
    try await withRouter(configuration: try Python.configuration()) { router in
      let child = try await router.local(python: try Python.program())
      let number: Int = try await child.call(python: "os.getpid")
      #expect(child.name == "local.\(number)")
      let ids: PickledValue = try await child.call(python: "builtins.eval", "__import__('mitogen').parent_ids")
      #expect(ids == [0])
      try await child.shutdown()
    }
  }
}
