import Testing

@testable import AsyncMitogen

@Test func `the master is context 0`() { #expect(ContextID.master.rawValue == 0) }
