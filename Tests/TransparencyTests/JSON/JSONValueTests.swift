internal import Testing
internal import Transparency

@Suite("JSON values")
struct JSONValueTests {
    @Test func literalsReadAsJSON() {
        let value: JSONValue = ["name": "k1", "versions": [1, -2], "active": true, "none": .null]
        #expect(value.description == #"{"name":"k1","versions":[1,-2],"active":true,"none":null}"#)
    }

    @Test func membersKeepTheirPlace() throws {
        var object: JSONObject = ["a": 1, "b": 2, "c": 3]
        object["b"] = "two"
        object["d"] = 4
        object["a"] = nil
        let isAppended = object.append("c", 0)
        #expect(!isAppended)
        #expect(object.remove("x") == nil)
        #expect(JSONValue.object(object).description == #"{"b":"two","c":3,"d":4}"#)
        #expect(object.remove("c") == 3)
        #expect(object.members.map(\.name) == ["b", "d"])
        let isNamed = object.append("c", 5)
        #expect(isNamed && object["c"] == 5)
    }

    @Test func wrongTypesReadAsNil() {
        let value: JSONValue = ["list": [1], "text": "x"]
        #expect(value["list"]?[0]?.number?.integer() == 1)
        #expect(value["list"]?[1] == nil)
        #expect(value["list"]?["x"] == nil)
        #expect(value["text"]?.number == nil)
        #expect(value.array == nil)
        #expect(JSONValue.null.isNull && !value.isNull)
    }

    @Test("number text", arguments: ["0", "-0", "1.0", "1e5", "123456789012345678901234567890", "5e-324"])
    func numberKeepsItsText(text: String) {
        #expect(JSONNumber(text: text)?.text == text)
    }

    @Test(
        "not numbers",
        arguments: ["", "01", "1 ", " 1", "+1", "1.", ".1", "0x1", "NaN", "Infinity", "1e999", "1,", "é"])
    func numberRefusesOtherText(text: String) {
        #expect(JSONNumber(text: text) == nil)
    }

    @Test func numbersThatADoubleCannotHoldAreRefused() {
        #expect(JSONNumber(Double.nan) == nil)
        #expect(JSONNumber(Double.infinity) == nil)
        #expect(JSONNumber(-Double.infinity) == nil)
        #expect(JSONNumber(exactly: 1 << 53) == nil)
        #expect(JSONNumber(exactly: UInt64.max) == nil)
        #expect(JSONNumber(exactly: (1 << 53) - 1)?.text == "9007199254740991")
        #expect(JSONNumber(exactly: -((1 << 53) - 1))?.text == "-9007199254740991")
        #expect(JSONNumber(1.5e300)?.text == "1.5e+300")
    }

    @Test func integersAreReadFromTheTextNotFromTheDouble() {
        #expect(JSONNumber(text: "18446744073709551615")?.integer(as: UInt64.self) == .max)
        #expect(JSONNumber(text: "18446744073709551616")?.integer(as: UInt64.self) == nil)
        #expect(JSONNumber(text: "1.0")?.integer(as: Int.self) == nil)
        #expect(JSONNumber(text: "-1")?.integer(as: UInt.self) == nil)
    }
}
