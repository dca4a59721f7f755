# The kernel that proves KVM (see kvm-proof.ts): multiboot header, loaded at 1 MiB, 32-bit entry.
# as --64 kvm-proof.S -o k.o; objcopy -O binary -j .text k.o k.bin; xxd -p k.bin
.set LOAD, 0x100000
.code32
.org 0
header:
 .long 0x1BADB002, 0x00010000, -(0x1BADB002+0x00010000)
 .long LOAD+(header-header), LOAD, LOAD+(end-header), 0, LOAD+(start-header)
start:
 cli
 # page tables at 0x200000: PML4, 0x201000: PDPT, 0x202000: PD, identity 1 GiB in 2 MiB pages
 mov $0x200000, %edi
 mov %edi, %cr3
 xor %eax, %eax
 mov $0xC00, %ecx
 rep stosl
 movl $0x201003, 0x200000
 movl $0x202003, 0x201000
 mov $0x202000, %edi
 mov $0x83, %eax
 mov $512, %ecx
1: mov %eax, (%edi)
 add $8, %edi
 add $0x200000, %eax
 loop 1b
 mov %cr4, %eax
 or $0x620, %eax         # PAE, OSFXSR, OSXMMEXCPT
 mov %eax, %cr4
 mov $0xC0000080, %ecx
 rdmsr
 or $0x100, %eax         # LME
 wrmsr
 mov %cr0, %eax
 and $0xfffffffb, %eax   # EM off
 or $0x80000003, %eax    # PG, MP, PE
 mov %eax, %cr0
 lgdt LOAD+(gdtr-header)
 ljmp $8, $LOAD+(long-header)
.code64
long:
 mov $0x10, %eax
 mov %eax, %ds
 mov %eax, %es
 mov %eax, %ss
 mov $0x300000, %esp
 # what stock kernels do and emulators have failed at
 mov $0x310000, %edi
 xor %eax, %eax
 xor %edx, %edx
 xor %ebx, %ebx
 xor %ecx, %ecx
 lock cmpxchg16b (%rdi)
 fxsave (%rdi)
 fxrstor (%rdi)
 # speed: 16 Mi rounds over 1 MiB of memory, as a decompressor would
 mov $0x1000000, %ecx
 mov $0x400000, %esi
2: mov %ecx, %eax
 and $0xffffc, %eax
 add %eax, (%rsi,%rax)
 xor (%rsi,%rax), %edx
 push %rdx
 pop %rbx
 dec %ecx
 jnz 2b
 mov $0x2a, %eax
 mov $0xf4, %edx
 out %eax, %dx
3: hlt
 jmp 3b
.align 8
gdt: .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdtr: .word gdtr-gdt-1
 .long LOAD+(gdt-header)
end:
