# The same program built otherwise: by another compiler, with a sorted list for its pending set, with sanitizers.
# Each is one test, which builds a tree of its own under the build folder and runs tests there.
option(TB_VARIANTS "test other builds as well" ON)
if(NOT TB_VARIANTS)
  return()
endif()

# What looks at the sources is done once.
add_test(NAME style COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/style/check.sh ${PROJECT_BINARY_DIR})
add_test(NAME complete COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/golden/complete.sh $<TARGET_FILE:tollbridge>)

# tb_variant(NAME TARGET "ctest arguments" cmake-arguments...)
function(tb_variant name target select)
  add_test(NAME variant.${name}
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/variant.sh ${PROJECT_SOURCE_DIR}
                   ${PROJECT_BINARY_DIR}/${name} ${target} ${select} -DTB_VARIANTS=OFF -DTB_LTO=OFF ${ARGN})
  set_tests_properties(variant.${name} PROPERTIES TIMEOUT 1200 PROCESSORS 2 DEPENDS "${TB_GOLDEN_TESTS}")
endfunction()

tb_variant(sanitize all "-LE long" -DTB_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug
           "-DCMAKE_C_FLAGS_DEBUG=-O1 -g1")
tb_variant(list tollbridge "-R ^golden" -DTB_SORTED_LIST=ON)

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(other clang)
else()
  set(other gcc)
endif()
find_program(TB_OTHER_COMPILER ${other})
tb_variant(${other} tollbridge "-R ^golden" -DCMAKE_C_COMPILER=${TB_OTHER_COMPILER})
if(NOT TB_OTHER_COMPILER)
  set_tests_properties(variant.${other} PROPERTIES DISABLED TRUE) # shown as not run
endif()

set_tests_properties(style PROPERTIES DEPENDS variant.${other}) # looks for globals in its library: no LTO
