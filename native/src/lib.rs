//! Sipwright's native part: pure functions over bytes, as a module for CPython's stable interface (3.11 and later).
//!
//! Only this file touches Python, and only here is anything unsafe; what reads strangers' bytes may not be.

#[forbid(unsafe_code)]
pub mod cursor;
#[forbid(unsafe_code)]
pub mod echo;
#[forbid(unsafe_code)]
pub mod hashes;
#[forbid(unsafe_code)]
pub mod head;
#[forbid(unsafe_code)]
pub mod register;

use std::cell::UnsafeCell;
use std::os::raw::{c_char, c_int, c_long, c_void};
use std::panic::catch_unwind;
use std::ptr::{addr_of_mut, null_mut};
use std::slice::from_raw_parts;

use hashes::{hexadecimal, is_nonce as is_marked, md5, signed};
use head::{Address, Head, Key, Via, KEYS};
use register::{read, Answer, Register};

#[repr(C)]
pub struct PyObject {
    references: isize,
    kind: *mut c_void,
}

type Object = *mut PyObject;
type Fast = unsafe extern "C" fn(Object, *const Object, isize) -> Object;

#[repr(C)]
struct MethodDef {
    name: *const c_char,
    method: Option<Fast>,
    flags: c_int,
    doc: *const c_char,
}

#[repr(C)]
struct ModuleDef {
    object: PyObject,
    init: *mut c_void,
    index: isize,
    copy: Object,
    name: *const c_char,
    doc: *const c_char,
    size: isize,
    methods: *mut MethodDef,
    slots: [*mut c_void; 4],
}

extern "C" {
    static mut _Py_NoneStruct: PyObject;
    static mut PyExc_TypeError: Object;
    fn PyModule_Create2(module: *mut ModuleDef, version: c_int) -> Object;
    fn PyModule_AddIntConstant(module: Object, name: *const c_char, value: c_long) -> c_int;
    fn PyErr_SetString(kind: Object, text: *const c_char);
    fn PyBytes_AsStringAndSize(object: Object, text: *mut *mut c_char, length: *mut isize) -> c_int;
    fn PyBytes_FromStringAndSize(text: *const c_char, length: isize) -> Object;
    fn PyUnicode_AsUTF8AndSize(object: Object, length: *mut isize) -> *const c_char;
    fn PyUnicode_FromStringAndSize(text: *const c_char, length: isize) -> Object;
    fn PyLong_AsLong(object: Object) -> c_long;
    fn PyLong_FromLong(value: c_long) -> Object;
    fn PyBool_FromLong(value: c_long) -> Object;
    fn PyObject_IsTrue(object: Object) -> c_int;
    fn PyUnicode_InternFromString(text: *const c_char) -> Object;
    fn PyList_New(length: isize) -> Object;
    fn PyList_SetItem(list: Object, index: isize, item: Object) -> c_int;
    fn PyList_Append(list: Object, item: Object) -> c_int;
    fn PyDict_New() -> Object;
    fn PyDict_SetItem(dict: Object, key: Object, value: Object) -> c_int;
    fn PyDict_GetItemWithError(dict: Object, key: Object) -> Object;
    fn PyTuple_New(length: isize) -> Object;
    fn PyTuple_SetItem(tuple: Object, index: isize, item: Object) -> c_int;
    fn PyErr_Occurred() -> Object;
    fn Py_IncRef(object: Object);
    fn Py_DecRef(object: Object);
}

/// What is returned, and in which order: another number wherever that changes, as in `src/sipwright/native.py`.
const FORM: c_long = 2;
const METH_FASTCALL: c_int = 0x80;
const ABI_VERSION: c_int = 3;

struct Shared<T>(UnsafeCell<T>);
// Python changes these while it has its lock.
unsafe impl<T> Sync for Shared<T> {}

static METHODS: Shared<[MethodDef; 8]> = Shared(UnsafeCell::new([
    MethodDef {
        name: c_text(b"read_register\0"),
        method: Some(read_register),
        flags: METH_FASTCALL,
        doc: c_text(b"read_register(data, host, port, is_reliable)\n--\n\nDo what sip/usual_register.py does.\0"),
    },
    MethodDef {
        name: c_text(b"take_apart\0"),
        method: Some(take_apart),
        flags: METH_FASTCALL,
        doc: c_text(b"take_apart(data)\n--\n\nDo what sip/parser.py does first.\0"),
    },
    MethodDef {
        name: c_text(b"usual_ok\0"),
        method: Some(usual_ok),
        flags: METH_FASTCALL,
        doc: c_text(b"usual_ok(data)\n--\n\nDo what sip/echo.py does.\0"),
    },
    MethodDef {
        name: c_text(b"is_echo\0"),
        method: Some(is_echo),
        flags: METH_FASTCALL,
        doc: c_text(b"is_echo(response, request)\n--\n\nDo what sip/echo.py does.\0"),
    },
    MethodDef {
        name: c_text(b"sign_nonce\0"),
        method: Some(sign_nonce),
        flags: METH_FASTCALL,
        doc: c_text(b"sign_nonce(key, stamp, mark, holder)\n--\n\nDo what sip/nonces.py does.\0"),
    },
    MethodDef {
        name: c_text(b"is_nonce\0"),
        method: Some(is_nonce),
        flags: METH_FASTCALL,
        doc: c_text(b"is_nonce(key, nonce, mark)\n--\n\nDo what sip/nonces.py does.\0"),
    },
    MethodDef {
        name: c_text(b"md5_response\0"),
        method: Some(md5_response),
        flags: METH_FASTCALL,
        doc: c_text(b"md5_response(ha1, middle, method, uri)\n--\n\nDo what sip/digest.py does.\0"),
    },
    MethodDef { name: std::ptr::null(), method: None, flags: 0, doc: std::ptr::null() },
]));

static MODULE: Shared<ModuleDef> = Shared(UnsafeCell::new(ModuleDef {
    object: PyObject { references: 1, kind: null_mut() },
    init: null_mut(),
    index: 0,
    copy: null_mut(),
    name: c_text(b"_native\0"),
    doc: c_text(b"Functions over bytes that do what their twins in Python do, or say that something is unusual.\0"),
    size: -1,
    methods: METHODS.0.get() as *mut MethodDef,
    slots: [null_mut(); 4],
}));

/// What values that were read are known by, behind the keys of headers.
const WORDS: [&[u8]; 10] = [
    b"call_id",
    b"from_address",
    b"from_uri_text",
    b"from_tag",
    b"to_address",
    b"to_uri_text",
    b"to_tag",
    b"branch",
    b"rport",
    b"received",
];
const CALL_ID: usize = KEYS.len();
const FROM: usize = CALL_ID + 1;
const TO: usize = FROM + 3;
const BRANCH: usize = TO + 3;
const RPORT: usize = BRANCH + 1;
const RECEIVED: usize = RPORT + 1;

/// Made when the module is imported, and kept.
static INTERNED: Shared<[Object; KEYS.len() + WORDS.len()]> =
    Shared(UnsafeCell::new([null_mut(); KEYS.len() + WORDS.len()]));

/// The text must end with a NUL.
const fn c_text(text: &'static [u8]) -> *const c_char {
    text.as_ptr() as *const c_char
}

/// # Safety
/// Python calls it when it imports the module.
#[no_mangle]
pub unsafe extern "C" fn PyInit__native() -> Object {
    for (index, word) in KEYS.iter().chain(&WORDS).enumerate() {
        let text: Vec<u8> = word.iter().copied().chain([0]).collect();
        let interned = PyUnicode_InternFromString(text.as_ptr() as *const c_char);
        if interned.is_null() {
            return null_mut();
        }
        (*INTERNED.0.get())[index] = interned;
    }
    let module = PyModule_Create2(MODULE.0.get(), ABI_VERSION);
    if !module.is_null() && PyModule_AddIntConstant(module, c_text(b"FORM\0"), FORM) < 0 {
        Py_DecRef(module);
        return null_mut();
    }
    module
}

unsafe extern "C" fn read_register(_: Object, arguments: *const Object, count: isize) -> Object {
    if count != 4 {
        PyErr_SetString(PyExc_TypeError, c_text(b"read_register takes data, host, port and is_reliable\0"));
        return null_mut();
    }
    let [data, host, port, is_reliable] = *(arguments as *const [Object; 4]);
    let (data, host) = match (bytes_of(data), text_of(host)) {
        (Some(data), Some(host)) => (data, host),
        _ => return null_mut(),
    };
    let port = PyLong_AsLong(port);
    let is_reliable = PyObject_IsTrue(is_reliable);
    if is_reliable < 0 || (port == -1 && !PyErr_Occurred().is_null()) {
        return null_mut();
    }
    let port = match u16::try_from(port) {
        Ok(port) => port,
        Err(_) => return none(),
    };
    // A fault of ours costs one message the short way, and no process.
    match catch_unwind(|| read(data, host, port, is_reliable > 0)) {
        Ok(Some(found)) => tuple_of(&found),
        _ => none(),
    }
}

unsafe extern "C" fn take_apart(_: Object, arguments: *const Object, count: isize) -> Object {
    if count != 1 {
        PyErr_SetString(PyExc_TypeError, c_text(b"take_apart takes data\0"));
        return null_mut();
    }
    let data = match bytes_of(*arguments) {
        Some(data) => data,
        None => return null_mut(),
    };
    match catch_unwind(|| Head::read(data)) {
        Ok(Some(head)) => parts_of(&head),
        _ => none(),
    }
}

unsafe extern "C" fn usual_ok(_: Object, arguments: *const Object, count: isize) -> Object {
    if count != 1 {
        PyErr_SetString(PyExc_TypeError, c_text(b"usual_ok takes data\0"));
        return null_mut();
    }
    let data = match bytes_of(*arguments) {
        Some(data) => data,
        None => return null_mut(),
    };
    match catch_unwind(|| echo::usual_ok(data)) {
        Ok(Some((branch, method))) => tuple([text(branch), text(method)]),
        _ => none(),
    }
}

unsafe extern "C" fn is_echo(_: Object, arguments: *const Object, count: isize) -> Object {
    if count != 2 {
        PyErr_SetString(PyExc_TypeError, c_text(b"is_echo takes response and request\0"));
        return null_mut();
    }
    let [response, request] = *(arguments as *const [Object; 2]);
    let (response, request) = match (bytes_of(response), bytes_of(request)) {
        (Some(response), Some(request)) => (response, request),
        _ => return null_mut(),
    };
    PyBool_FromLong(c_long::from(catch_unwind(|| echo::is_echo(response, request)).unwrap_or(false)))
}

unsafe extern "C" fn sign_nonce(_: Object, arguments: *const Object, count: isize) -> Object {
    if count != 4 {
        PyErr_SetString(PyExc_TypeError, c_text(b"sign_nonce takes key, stamp, mark and holder\0"));
        return null_mut();
    }
    let [key, stamp, mark, holder] = *(arguments as *const [Object; 4]);
    match (bytes_of(key), text_of(stamp), text_of(mark), text_of(holder)) {
        (Some(key), Some(stamp), Some(mark), Some(holder)) => match catch_unwind(|| signed(key, stamp, mark, holder)) {
            Ok(Some(nonce)) => text(&nonce),
            _ => none(),
        },
        _ => null_mut(),
    }
}

unsafe extern "C" fn is_nonce(_: Object, arguments: *const Object, count: isize) -> Object {
    if count != 3 {
        PyErr_SetString(PyExc_TypeError, c_text(b"is_nonce takes key, nonce and mark\0"));
        return null_mut();
    }
    let [key, nonce, mark] = *(arguments as *const [Object; 3]);
    match (bytes_of(key), text_of(nonce), text_of(mark)) {
        (Some(key), Some(nonce), Some(mark)) => match catch_unwind(|| is_marked(key, nonce, mark)) {
            Ok(Some(is_ours)) => PyBool_FromLong(c_long::from(is_ours)),
            _ => none(),
        },
        _ => null_mut(),
    }
}

unsafe extern "C" fn md5_response(_: Object, arguments: *const Object, count: isize) -> Object {
    if count != 4 {
        PyErr_SetString(PyExc_TypeError, c_text(b"md5_response takes ha1, middle, method and uri\0"));
        return null_mut();
    }
    let [ha1, middle, method, uri] = *(arguments as *const [Object; 4]);
    match (text_of(ha1), text_of(middle), text_of(method), text_of(uri)) {
        (Some(ha1), Some(middle), Some(method), Some(uri)) => {
            let made = catch_unwind(|| {
                let ha2 = hexadecimal(&md5(&[method, b":", uri]));
                hexadecimal(&md5(&[ha1, b":", middle, b":", &ha2]))
            });
            made.map_or_else(|_| none(), |response| text(&response))
        }
        _ => null_mut(),
    }
}

unsafe fn parts_of(head: &Head) -> Object {
    let (lines, index) = (PyList_New(head.lines.len() as isize), PyDict_New());
    let mut repeated: Object = none();
    let mut is_whole = !lines.is_null() && !index.is_null();
    for (number, line) in head.lines.iter().enumerate() {
        let (text, key) = (text(line.text), key_of(&line.key));
        is_whole = is_whole && !text.is_null() && !key.is_null() && note_line(index, &mut repeated, key, text);
        if !key.is_null() {
            Py_DecRef(key);
        }
        if !lines.is_null() {
            PyList_SetItem(lines, number as isize, text); // which owns it by now
        } else if !text.is_null() {
            Py_DecRef(text);
        }
    }
    let read = values_of(head);
    let (start, end) = head.body;
    let made = tuple([
        text(head.start_line),
        lines,
        index,
        repeated,
        read,
        via_of(&head.via),
        PyLong_FromLong(start as c_long),
        PyLong_FromLong(end as c_long),
    ]);
    if is_whole || made.is_null() {
        return made;
    }
    Py_DecRef(made);
    null_mut()
}

/// Note a line by its key: the first one, and all of them where there are several.
unsafe fn note_line(index: Object, repeated: &mut Object, key: Object, line: Object) -> bool {
    let first = PyDict_GetItemWithError(index, key);
    if first.is_null() {
        return PyErr_Occurred().is_null() && PyDict_SetItem(index, key, line) == 0;
    }
    if *repeated == addr_of_mut!(_Py_NoneStruct) {
        Py_DecRef(*repeated);
        *repeated = PyDict_New();
        if (*repeated).is_null() {
            return false;
        }
    }
    let known = PyDict_GetItemWithError(*repeated, key);
    if !known.is_null() {
        return PyList_Append(known, line) == 0;
    }
    let all = PyList_New(0);
    let is_noted = !all.is_null()
        && PyList_Append(all, first) == 0
        && PyList_Append(all, line) == 0
        && PyDict_SetItem(*repeated, key, all) == 0;
    if !all.is_null() {
        Py_DecRef(all);
    }
    is_noted
}

unsafe fn key_of(key: &Key) -> Object {
    match key {
        Key::Known(index) => interned(*index),
        Key::Other(name) => text(name),
    }
}

unsafe fn interned(index: usize) -> Object {
    let word = (*INTERNED.0.get())[index];
    Py_IncRef(word);
    word
}

unsafe fn values_of(head: &Head) -> Object {
    let values = PyDict_New();
    let is_whole = !values.is_null()
        && put(values, CALL_ID, text(head.call_id))
        && put_address(values, FROM, &head.from)
        && put_address(values, TO, &head.to);
    finished(values, is_whole)
}

unsafe fn put_address(values: Object, at: usize, address: &Address) -> bool {
    put(values, at, text(address.text))
        && put(values, at + 1, text(address.uri))
        && put(values, at + 2, optional(address.tag))
}

unsafe fn via_of(via: &Via) -> Object {
    let params = PyDict_New();
    let mut is_whole = !params.is_null();
    if via.rport_first {
        is_whole = is_whole && put(params, RPORT, none());
    }
    is_whole = is_whole && put(params, BRANCH, text(via.branch));
    if let Some(rport) = via.rport {
        is_whole = is_whole && put(params, RPORT, optional(rport));
    }
    if let Some(received) = via.received {
        is_whole = is_whole && put(params, RECEIVED, text(received));
    }
    tuple([
        text(via.text),
        text(via.transport),
        text(via.host),
        optional_number(via.port.map(u32::from)),
        finished(params, is_whole),
        text(via.branch),
    ])
}

/// Put a value, which is used up, under one of the words.
unsafe fn put(dict: Object, word: usize, value: Object) -> bool {
    if value.is_null() {
        return false;
    }
    let is_put = PyDict_SetItem(dict, (*INTERNED.0.get())[word], value) == 0;
    Py_DecRef(value);
    is_put
}

unsafe fn finished(dict: Object, is_whole: bool) -> Object {
    if is_whole || dict.is_null() {
        return dict;
    }
    Py_DecRef(dict);
    null_mut()
}

unsafe fn bytes_of<'a>(object: Object) -> Option<&'a [u8]> {
    let (mut text, mut length) = (null_mut(), 0);
    if PyBytes_AsStringAndSize(object, &mut text, &mut length) < 0 {
        return None;
    }
    Some(from_raw_parts(text as *const u8, length as usize))
}

unsafe fn text_of<'a>(object: Object) -> Option<&'a [u8]> {
    let mut length = 0;
    let text = PyUnicode_AsUTF8AndSize(object, &mut length);
    (!text.is_null()).then(|| from_raw_parts(text as *const u8, length as usize))
}

unsafe fn tuple_of(found: &Register) -> Object {
    let (via, contact) = (&found.via, &found.contact);
    tuple([
        text(found.uri),
        optional_number(found.uri_port.map(u32::from)),
        text(found.own.user),
        text(found.own.host),
        optional_number(found.own.port.map(u32::from)),
        text(found.call_id),
        number(found.cseq),
        text(found.from_tag),
        text(via.branch),
        text(via.host),
        optional_number(via.port.map(u32::from)),
        number(found.reply_port.into()),
        number(found.alias_port.into()),
        found.answer.as_ref().map_or_else(|| none(), |answer| answer_of(answer)),
        text(&contact.text),
        PyBool_FromLong(c_long::from(!contact.is_elsewhere)),
        optional_number(found.expires),
        optional(contact.q),
        optional(contact.instance),
        optional_number(contact.reg_id),
        optional(found.user_agent),
        text(found.path),
        text(found.supported),
        bytes(&found.head),
        bytes(&found.tail),
    ])
}

unsafe fn answer_of(answer: &Answer) -> Object {
    tuple([
        text(answer.username),
        text(answer.realm),
        text(answer.nonce),
        text(answer.uri),
        text(answer.response),
        optional(answer.algorithm),
        optional(answer.qop),
        optional(answer.nc),
        optional(answer.cnonce),
    ])
}

/// Make a tuple that owns its items; one that could not be made says that there is no memory.
unsafe fn tuple<const COUNT: usize>(items: [Object; COUNT]) -> Object {
    let made = PyTuple_New(COUNT as isize);
    let is_whole = !made.is_null() && items.iter().all(|item| !item.is_null());
    if !is_whole {
        for item in [made].into_iter().chain(items).filter(|item| !item.is_null()) {
            Py_DecRef(item);
        }
        return null_mut();
    }
    for (index, item) in items.into_iter().enumerate() {
        PyTuple_SetItem(made, index as isize, item);
    }
    made
}

unsafe fn none() -> Object {
    let none = addr_of_mut!(_Py_NoneStruct);
    Py_IncRef(none);
    none
}

unsafe fn text(text: &[u8]) -> Object {
    PyUnicode_FromStringAndSize(text.as_ptr() as *const c_char, text.len() as isize)
}

unsafe fn bytes(data: &[u8]) -> Object {
    PyBytes_FromStringAndSize(data.as_ptr() as *const c_char, data.len() as isize)
}

unsafe fn number(value: u32) -> Object {
    PyLong_FromLong(c_long::from(value as i32))
}

unsafe fn optional(given: Option<&[u8]>) -> Object {
    given.map_or_else(|| none(), |given| text(given))
}

unsafe fn optional_number(given: Option<u32>) -> Object {
    given.map_or_else(|| none(), |given| number(given))
}
