//! Sipwright's native part: pure functions over bytes, as a module for CPython's stable interface (3.11 and later).
//!
//! Only this file touches Python, and only here is anything unsafe; what reads strangers' bytes may not be.

#[forbid(unsafe_code)]
pub mod cursor;
#[forbid(unsafe_code)]
pub mod register;

use std::cell::UnsafeCell;
use std::os::raw::{c_char, c_int, c_long, c_void};
use std::panic::catch_unwind;
use std::ptr::{addr_of_mut, null_mut};
use std::slice::from_raw_parts;

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
    fn PyTuple_New(length: isize) -> Object;
    fn PyTuple_SetItem(tuple: Object, index: isize, item: Object) -> c_int;
    fn PyErr_Occurred() -> Object;
    fn Py_IncRef(object: Object);
    fn Py_DecRef(object: Object);
}

/// What is returned, and in which order: another number wherever that changes, as in `src/sipwright/native.py`.
const FORM: c_long = 1;
const METH_FASTCALL: c_int = 0x80;
const ABI_VERSION: c_int = 3;

struct Shared<T>(UnsafeCell<T>);
// Python changes these while it has its lock.
unsafe impl<T> Sync for Shared<T> {}

static METHODS: Shared<[MethodDef; 2]> = Shared(UnsafeCell::new([
    MethodDef {
        name: c_text(b"read_register\0"),
        method: Some(read_register),
        flags: METH_FASTCALL,
        doc: c_text(b"read_register(data, host, port, is_reliable)\n--\n\nDo what sip/usual_register.py does.\0"),
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

/// The text must end with a NUL.
const fn c_text(text: &'static [u8]) -> *const c_char {
    text.as_ptr() as *const c_char
}

/// # Safety
/// Python calls it when it imports the module.
#[no_mangle]
pub unsafe extern "C" fn PyInit__native() -> Object {
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
