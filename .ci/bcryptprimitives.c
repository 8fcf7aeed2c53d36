// The only function of this library of Windows that Rust's standard library calls, for Wine before 9.

unsigned char __stdcall SystemFunction036(void *buffer, unsigned long len);

__declspec(dllexport) int ProcessPrng(unsigned char *buffer, unsigned long long len) {
    return SystemFunction036(buffer, (unsigned long)len);
}
