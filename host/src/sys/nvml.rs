//! NVIDIA's management library, NVML: what its driver tells nobody else. Signatures as in nvml.h of driver 387 (2017) and later.

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void},
    mem::MaybeUninit,
    path::Path,
    ptr,
};

use super::shared_library::SharedLibrary;

/// `NVML_DEVICE_NAME_V2_BUFFER_SIZE`.
const LONGEST_NAME: usize = 96;
/// `NVML_TEMPERATURE_GPU`.
const TEMPERATURE_OF_GPU: c_uint = 0;
/// `NVML_ERROR_FUNCTION_NOT_FOUND`.
const FUNCTION_NOT_FOUND: c_int = 13;

/// `nvmlDevice_t`.
type Handle = *mut c_void;

/// `nvmlPciInfo_t`.
#[repr(C)]
struct PciInfo {
    bus_id_legacy: [c_char; 16],
    domain: c_uint,
    bus: c_uint,
    device: c_uint,
    device_and_vendor: c_uint,
    subsystem: c_uint,
    bus_id: [c_char; 32],
}

/// `nvmlMemory_t`.
#[repr(C)]
struct Memory {
    total: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

/// `nvmlUtilization_t`.
#[repr(C)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

/// A function of the library said no: `nvmlReturn_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function}: NVML error {code}")]
pub(crate) struct NvmlError {
    pub(crate) function: &'static str,
    pub(crate) code: i32,
}

/// One card, as far as its driver tells.
#[derive(Debug)]
pub(crate) struct NvmlCard {
    /// "0000:01:00.0".
    pub(crate) address: String,
    pub(crate) vendor_id: u32,
    pub(crate) device_id: u32,
    /// Of its device file: 0 of /dev/nvidia0.
    pub(crate) minor: Result<u32, NvmlError>,
    pub(crate) name: Result<Vec<u8>, NvmlError>,
    /// Total and used.
    pub(crate) memory_bytes: Result<(u64, u64), NvmlError>,
    pub(crate) busy_percent: Result<u32, NvmlError>,
    pub(crate) celsius: Result<u32, NvmlError>,
    pub(crate) milliwatts: Result<u32, NvmlError>,
}

/// The library, loaded.
pub(crate) struct Nvml {
    functions: Functions,
    is_started: bool,
}

macro_rules! functions {
    ($($field:ident = $name:literal: fn($($argument:ty),*);)*) => {
        /// What is used of the library; a version that lacks one has none there.
        struct Functions {
            $($field: Option<unsafe extern "C" fn($($argument),*) -> c_int>,)*
        }

        impl Functions {
            fn of(library: &SharedLibrary) -> Self {
                Self {
                    $($field: library.symbol($name).map(|address| {
                        // SAFETY: the symbol of this name is a function of this type (nvml.h), in a library that is never unloaded.
                        unsafe { std::mem::transmute::<ptr::NonNull<c_void>, unsafe extern "C" fn($($argument),*) -> c_int>(address) }
                    }),)*
                }
            }
        }
    };
}

functions! {
    init = c"nvmlInit_v2": fn();
    shutdown = c"nvmlShutdown": fn();
    count = c"nvmlDeviceGetCount_v2": fn(*mut c_uint);
    handle = c"nvmlDeviceGetHandleByIndex_v2": fn(c_uint, *mut Handle);
    pci_info = c"nvmlDeviceGetPciInfo_v3": fn(Handle, *mut PciInfo);
    minor = c"nvmlDeviceGetMinorNumber": fn(Handle, *mut c_uint);
    name = c"nvmlDeviceGetName": fn(Handle, *mut c_char, c_uint);
    memory = c"nvmlDeviceGetMemoryInfo": fn(Handle, *mut Memory);
    utilization = c"nvmlDeviceGetUtilizationRates": fn(Handle, *mut Utilization);
    temperature = c"nvmlDeviceGetTemperature": fn(Handle, c_uint, *mut c_uint);
    power = c"nvmlDeviceGetPowerUsage": fn(Handle, *mut c_uint);
}

impl Nvml {
    /// Loads the library at an absolute path that the caller trusts as it trusts this program: its code runs from here on.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        // SAFETY: the caller trusts the file (see `library::trusted`), which is the condition.
        let library = unsafe { SharedLibrary::open(path) }?;
        Ok(Self { functions: Functions::of(&library), is_started: false })
    }

    /// Every card, or why it cannot be looked at. Starts the library if it is not.
    pub(crate) fn cards(&mut self) -> Result<Vec<Result<NvmlCard, NvmlError>>, NvmlError> {
        if !self.is_started {
            // SAFETY: no arguments.
            call("nvmlInit_v2", self.functions.init, |init| unsafe { init() })?;
            self.is_started = true;
        }
        // SAFETY: `place` is a valid place for the number.
        let count = filled("nvmlDeviceGetCount_v2", self.functions.count, |count, place| unsafe { count(place) });
        if count.is_err() {
            // The driver was taken away: it may come back.
            self.stop();
        }
        Ok((0..count?).map(|index| self.card(index)).collect())
    }

    /// Lets go of the cards, so that they can sleep. The next call of `cards` starts it again, which takes its time.
    pub(crate) fn stop(&mut self) {
        if std::mem::take(&mut self.is_started) {
            // SAFETY: no arguments; the library was started. What it says changes nothing.
            let _ = call("nvmlShutdown", self.functions.shutdown, |shutdown| unsafe { shutdown() });
        }
    }

    fn card(&self, index: c_uint) -> Result<NvmlCard, NvmlError> {
        let functions = &self.functions;
        // SAFETY: here and below, `place` is a valid place for what the function of that name fills (nvml.h), and `handle` one that the
        // library gave out since it was started.
        let handle =
            filled("nvmlDeviceGetHandleByIndex_v2", functions.handle, |handle, place| unsafe { handle(index, place) })?;
        // SAFETY: as above.
        let pci = filled("nvmlDeviceGetPciInfo_v3", functions.pci_info, |info, place| unsafe { info(handle, place) })?;
        // SAFETY: as above.
        let memory =
            filled("nvmlDeviceGetMemoryInfo", functions.memory, |memory, place| unsafe { memory(handle, place) });
        let utilization = filled("nvmlDeviceGetUtilizationRates", functions.utilization, |rates, place| {
            // SAFETY: as above.
            unsafe { rates(handle, place) }
        });
        Ok(NvmlCard {
            address: format!("{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device),
            vendor_id: pci.device_and_vendor & 0xffff,
            device_id: pci.device_and_vendor >> 16,
            // SAFETY: as above.
            minor: filled("nvmlDeviceGetMinorNumber", functions.minor, |minor, place| unsafe { minor(handle, place) }),
            name: self.name(handle),
            memory_bytes: memory.map(|memory| (memory.total, memory.used)),
            busy_percent: utilization.map(|utilization| utilization.gpu),
            celsius: filled("nvmlDeviceGetTemperature", functions.temperature, |temperature, place| {
                // SAFETY: as above.
                unsafe { temperature(handle, TEMPERATURE_OF_GPU, place) }
            }),
            // SAFETY: as above.
            milliwatts: filled("nvmlDeviceGetPowerUsage", functions.power, |power, place| unsafe {
                power(handle, place)
            }),
        })
    }

    fn name(&self, handle: Handle) -> Result<Vec<u8>, NvmlError> {
        let mut text = [0_u8; LONGEST_NAME];
        let room = c_uint::try_from(text.len()).unwrap_or(0);
        call("nvmlDeviceGetName", self.functions.name, |name| {
            // SAFETY: the buffer is valid for writes of the length given; the handle is one that the library gave out.
            unsafe { name(handle, text.as_mut_ptr().cast(), room) }
        })?;
        Ok(CStr::from_bytes_until_nul(&text).map_or(&text[..], CStr::to_bytes).to_vec())
    }
}

impl Drop for Nvml {
    fn drop(&mut self) {
        self.stop();
    }
}

fn call<F: Copy>(name: &'static str, function: Option<F>, run: impl FnOnce(F) -> c_int) -> Result<(), NvmlError> {
    match function.map_or(FUNCTION_NOT_FOUND, run) {
        0 => Ok(()),
        code => Err(NvmlError { function: name, code }),
    }
}

/// What the function has put at the place it was given.
fn filled<F: Copy, T: Plain>(
    name: &'static str,
    function: Option<F>,
    run: impl FnOnce(F, *mut T) -> c_int,
) -> Result<T, NvmlError> {
    let mut place = MaybeUninit::<T>::zeroed();
    call(name, function, |function| run(function, place.as_mut_ptr()))?;
    // SAFETY: all bytes were zero, which every `Plain` may be, and the function can only have put in whole values.
    Ok(unsafe { place.assume_init() })
}

/// Numbers, pointers and records of these: any bytes are one.
trait Plain {}
impl Plain for c_uint {}
impl Plain for Handle {}
impl Plain for PciInfo {}
impl Plain for Memory {}
impl Plain for Utilization {}

#[cfg(test)]
pub(crate) mod tests;
