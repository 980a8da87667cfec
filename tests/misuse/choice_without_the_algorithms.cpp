// expects: #include <tutti/collectives/automatic.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/choice.hpp>
#include <tutti/comm/solo.hpp>

#ifdef RIGHT
#include <tutti/collectives/automatic.hpp>
#endif

int main() {
    tutti::comm::solo world;
    tutti::choice_table const table;
    tutti::barrier(world, tutti::algorithm::chosen_by{table});
}
